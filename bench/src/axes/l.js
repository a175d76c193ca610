import { bullmqAlways, graphileWorker, ours, peersOn } from './contestants.js';
import { drainingOf } from './draining.js';

const SLOW = 100;
/** What 500 handlers of 100 ms can do. */
const IDEAL = 5_000;

/** @type {import('./axis.js').Axis} */
export default {
  id: 'L',
  title: `handlers of ${SLOW} ms, 500 at once`,
  unit: 'tasks/s',
  use: 'slow',
  contestants: (database) => [
    ours(database),
    bullmqAlways,
    graphileWorker,
    ...peersOn(database).filter(({ side }) => side === 'serenis'),
  ],
  rounds: (stand, scale) => drainingOf(stand, scale, { slow: SLOW }),
  goals: (database) => {
    const { key } = ours(database);
    return [{ atLeast: 0.95, of: key, over: key, axis: 'C', cap: IDEAL }];
  },
};
