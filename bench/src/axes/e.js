import { median, quantile } from '../harness/statistics.js';
import {
  bullmqAlways,
  bullmqEverysec,
  byHand,
  graphileWorker,
  ours,
  peersOn,
  pgBoss,
} from './contestants.js';
import { atMost } from './rates.js';

/** The library's interval when nothing is set, ms. */
const INTERVAL = 1_000;

/**
 * A path that is taken once for each task is compiled late: after 200 tasks each side still took 14 to 29 % longer than after 3,000.
 * A service has run for hours.
 */
const WARM_UP = { tasks: 3_000, gap: 5 };

/** @returns {import('./axis.js').Axis} */
const axis = ({ id, title, elsewhere, tasks, add, moments, goals }) => ({
  id,
  group: 'E',
  title,
  unit: 'ms, median',
  lowerIsBetter: true,
  use: elsewhere ? 'promptElsewhere' : 'prompt',
  contestants: (database) => [
    ours(database),
    byHand(database),
    bullmqAlways,
    bullmqEverysec,
    graphileWorker,
    pgBoss,
    ...peersOn(database).filter(({ side }) => side === 'serenis'),
  ],
  async turn(stand, { limit }) {
    const [worker] = await stand.open();
    const [producer] = elsewhere ? await stand.open({ worker: false }) : [worker];
    await worker.do('stampPickUps');
    await producer.do('addStamped', WARM_UP);
    await worker.do('pickUps', { tasks: WARM_UP.tasks, limit });
    const { result, usage } = await stand.measure([worker], async () => {
      await producer.do(add, { tasks, ...moments });
      return worker.do('pickUps', { tasks, limit });
    });
    return {
      value: median(result),
      done: result.length,
      usage,
      details: { p99: quantile(result, 0.99), slowest: Math.max(...result) },
    };
  },
  goals,
});

export default [
  axis({
    id: 'E1',
    title: 'idle pick-up, added in the same process',
    elsewhere: false,
    tasks: 200,
    add: 'addStamped',
    moments: { gap: 100 },
    goals: (database) => [atMost(1, ours(database), bullmqAlways), atMost(1, ours(database), bullmqEverysec)],
  }),
  axis({
    id: 'E2',
    title: 'idle pick-up, added in another process',
    elsewhere: true,
    tasks: 100,
    add: 'addStampedEvenly',
    moments: { interval: INTERVAL },
    goals: (database) => [{ atMost: INTERVAL / 2, of: ours(database).key }],
  }),
];
