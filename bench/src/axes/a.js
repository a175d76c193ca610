import { addingOf } from './adding.js';
import { bullmqAlways, bullmqEverysec, byHand, ours, peersOn } from './contestants.js';
import { atLeast } from './rates.js';

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
  rounds: (stand, { tasks, limit }) => addingOf(stand, 'addOneByOne', { tasks, callers: 50, limit }),
  goals: (database) => [
    ...(database === 'mariadb' ? [atLeast(1.2, ours(database), bullmqAlways)] : []),
    ...peersOn(database).map((peer) => atLeast(4, ours(database), peer)),
  ],
};
