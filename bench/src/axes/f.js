import { bullmqAlways, bullmqEverysec, byHand, ours, peersOn, pgBoss } from './contestants.js';
import { atLeast } from './rates.js';

/** @type {import('./axis.js').Axis} */
const axis = {
  id: 'F',
  title: 'every task fails once, 1 ms back-off',
  unit: 'tasks/s',
  use: 'failing',
  // Without graphile-worker and BullMQ on PostgreSQL: the one can't try again before 2.7 s, the other is as slow as on C.
  contestants: (database) => [
    ours(database),
    byHand(database),
    pgBoss,
    bullmqAlways,
    bullmqEverysec,
    ...peersOn(database).filter(({ side }) => side === 'serenis' || side === 'sidequest'),
  ],
  async rounds(stand, { tasks, limit }) {
    const [worker] = await stand.open();
    const some = tasks / 4;
    return {
      processes: [worker],
      before: () => worker.do('fill', { tasks: some }),
      work: () => worker.do('failOnce', { tasks: some, limit }),
      after: () => worker.do('rest'),
    };
  },
  goals: (database) => [atLeast(2, ours(database), pgBoss)],
};

// What drains fastest need not fail fastest: the database writes what fails, and handlers that fail keep the application busy.
export default { ...axis, trial: axis };
