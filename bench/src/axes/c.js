import {
  bullmqAlways,
  bullmqEverysec,
  byHand,
  graphileWorker,
  ours,
  peersOn,
  pgBoss,
} from './contestants.js';
import { drainingOf } from './draining.js';
import { atLeast } from './rates.js';

/** @type {import('./axis.js').Axis} */
export default {
  id: 'C',
  title: 'drain, tuned',
  unit: 'tasks/s',
  use: 'tuned',
  contestants: (database) => [
    ours(database),
    byHand(database),
    graphileWorker,
    pgBoss,
    bullmqAlways,
    bullmqEverysec,
    ...peersOn(database),
  ],
  rounds: (stand, scale) => drainingOf(stand, scale),
  goals: (database) => [
    atLeast(database === 'mysql' ? 0.8 : 1.5, ours(database), graphileWorker),
    ...(database === 'mysql' ? [atLeast(3, ours(database), peersOn('mysql')[0])] : []),
    atLeast(0.8, ours(database), byHand(database)),
  ],
};
