import { inRounds, LONGEST, ROUNDS } from '../warm-up.js';
import { bullmqAlways, bullmqEverysec, byHand, ours, peersOn, pgBoss } from './contestants.js';
import { measuredRounds } from './measured-rounds.js';
import { atLeast } from './rates.js';

/** @type {import('./axis.js').Axis} */
export default {
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
  async turn(stand, { tasks, limit }) {
    const [worker] = await stand.open();
    const some = tasks / 4;
    // Each may take as long as what is measured: of a round that is cut, tasks would be left that have failed already.
    await inRounds(ROUNDS, LONGEST, async () => {
      await worker.do('fill', { tasks: some });
      const { ms } = await worker.do('failOnce', { tasks: some, limit });
      await worker.do('rest');
      return ms;
    });
    return measuredRounds(async () => {
      await worker.do('fill', { tasks: some });
      const round = await stand.measure([worker], () => worker.do('failOnce', { tasks: some, limit }));
      await worker.do('rest');
      return round;
    });
  },
  goals: (database) => [atLeast(2, ours(database), pgBoss)],
};
