import { bullmqAlways, bullmqEverysec, byHand, ours, peersOn } from './contestants.js';
import { atLeast, rateOf } from './rates.js';

/** @type {import('./axis.js').Axis} */
export default {
  id: 'A',
  title: 'add one by one, 50 callers at once',
  unit: 'tasks/s',
  use: 'default',
  contestants: (database) => [
    ours(database),
    byHand(database),
    bullmqAlways,
    bullmqEverysec,
    ...peersOn(database),
  ],
  async turn(stand, { tasks, limit }) {
    const [producer] = await stand.open({ worker: false });
    await producer.do('addOneByOne', { tasks: tasks / 10, callers: 50, limit });
    const { result, usage } = await stand.measure([producer], () =>
      producer.do('addOneByOne', { tasks, callers: 50, limit }),
    );
    return { ...rateOf(result), usage };
  },
  goals: (database) => [
    ...(database === 'mariadb' ? [atLeast(1.2, ours(database), bullmqAlways)] : []),
    ...peersOn(database).map((peer) => atLeast(4, ours(database), peer)),
  ],
};
