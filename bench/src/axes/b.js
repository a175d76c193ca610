import { bullmqAlways, byHand, graphileWorker, ours, peersOn, pgBoss } from './contestants.js';
import { atLeast, rateOf } from './rates.js';

const SIZE = 1_000;

/** @type {import('./axis.js').Axis} */
export default {
  id: 'B',
  title: `add in bulk, ${SIZE} a call`,
  unit: 'tasks/s',
  use: 'default',
  contestants: (database) => [
    ours(database),
    byHand(database),
    graphileWorker,
    pgBoss,
    bullmqAlways,
    ...peersOn(database).filter(({ side }) => side !== 'sidequest'),
  ],
  async turn(stand, { tasks, limit }) {
    const [producer] = await stand.open({ worker: false });
    const add = (some) => producer.do('addInBulk', { tasks: some, size: SIZE, limit });
    await add(5 * SIZE);
    // A second or more each, so three times as many.
    const { result, usage } = await stand.measure([producer], () => add(3 * tasks));
    return { ...rateOf(result), usage };
  },
  goals: (database) => [
    ...(database === 'mariadb' ? [atLeast(1.3, ours(database), graphileWorker)] : []),
    atLeast(0.75, ours(database), byHand(database)),
  ],
};
