import { bullmqAlways, bullmqEverysec, graphileWorker, ours, peersOn, pgBoss } from './contestants.js';
import { drainingOf } from './draining.js';
import { atLeast } from './rates.js';

/** @type {import('./axis.js').Axis} */
export default {
  id: 'C1',
  title: 'drain, default options',
  unit: 'tasks/s',
  use: 'default',
  contestants: (database) => [
    ours(database),
    bullmqAlways,
    bullmqEverysec,
    graphileWorker,
    pgBoss,
    ...peersOn(database),
  ],
  rounds: (stand, scale) => drainingOf(stand, scale),
  goals: (database) =>
    database === 'postgres' ? [] : [atLeast(database === 'mariadb' ? 2 : 1, ours(database), bullmqAlways)],
};
