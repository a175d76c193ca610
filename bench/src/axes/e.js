import { median, quantile } from '../harness/statistics.js';
import {
  bullmqAlways,
  bullmqEverysec,
  byHand,
  byHandOnTypeorm,
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

const waitsOf = (rounds) => rounds.flatMap(({ result }) => result.waits);

/** @returns {import('./axis.js').Axis} */
const axis = ({ id, title, elsewhere, tasks, rounds, add, moments, goals }) => ({
  id,
  group: 'E',
  title,
  unit: 'ms, median',
  lowerIsBetter: true,
  use: elsewhere ? 'promptElsewhere' : 'prompt',
  contestants: (database) => [
    ours(database),
    byHand(database),
    ...(elsewhere || database === 'postgres' ? [] : [byHandOnTypeorm(database)]),
    bullmqAlways,
    bullmqEverysec,
    graphileWorker,
    pgBoss,
    ...peersOn(database).filter(({ side }) => side === 'serenis'),
  ],
  atOnce: true,
  async rounds(stand, { limit }) {
    const [worker] = await stand.open();
    const [producer] = elsewhere ? await stand.open({ worker: false }) : [worker];
    await worker.do('stampPickUps');
    await producer.do('addStamped', WARM_UP);
    await worker.do('pickUps', { tasks: WARM_UP.tasks, limit });
    return {
      processes: [worker],
      async work() {
        const start = performance.now();
        await producer.do(add, { tasks: tasks / rounds, ...moments });
        const waits = await worker.do('pickUps', { tasks: tasks / rounds, limit });
        return { done: waits.length, ms: performance.now() - start, waits };
      },
      // Whoever was warm first has been idle since.
      warmUp: { rounds: Math.floor(rounds / 5), longest: Infinity },
      measured: { rounds, longest: Infinity },
    };
  },
  value: (rounds) => median(waitsOf(rounds)),
  details: (rounds) => ({ p99: quantile(waitsOf(rounds), 0.99), slowest: Math.max(...waitsOf(rounds)) }),
  goals,
});

export default [
  axis({
    id: 'E1',
    title: 'idle pick-up, added in the same process',
    elsewhere: false,
    tasks: 200,
    // Short ones, so that nobody is idle for long between two of them.
    rounds: 20,
    add: 'addStamped',
    moments: { gap: 100 },
    goals: (database) => [atMost(1, ours(database), bullmqAlways), atMost(1, ours(database), bullmqEverysec)],
  }),
  axis({
    id: 'E2',
    title: 'idle pick-up, added in another process',
    elsewhere: true,
    tasks: 100,
    rounds: 1,
    add: 'addStampedEvenly',
    moments: { interval: INTERVAL },
    goals: (database) => [{ atMost: INTERVAL / 2, of: ours(database).key }],
  }),
];
