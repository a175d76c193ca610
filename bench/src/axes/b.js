import { addingOf } from './adding.js';
import { bullmqAlways, byHand, graphileWorker, ours, peersOn, pgBoss } from './contestants.js';
import { atLeast } from './rates.js';

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
  // A second or more each, so three times as many.
  rounds: (stand, { tasks, limit }) => addingOf(stand, 'addInBulk', { tasks: 3 * tasks, size: SIZE, limit }),
  goals: (database) => [
    ...(database === 'mariadb' ? [atLeast(1.3, ours(database), graphileWorker)] : []),
    atLeast(0.75, ours(database), byHand(database)),
  ],
};
