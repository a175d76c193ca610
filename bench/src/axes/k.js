import { setTimeout as pause } from 'node:timers/promises';
import { warmUp } from '../harness/rounds.js';
import { byHand, ours } from './contestants.js';
import { drainingBy } from './draining.js';
import { rateOf } from './rates.js';

/** Tasks after which memory is looked at first, and that wait at most. */
const FIRST_LOOK = 50_000;
const WAITING = 20_000;
const BATCH = 5_000;

/** @returns {import('./axis.js').Axis} */
const axis = ({ id, title, use, contestants }) => ({
  id,
  title,
  unit: `× RSS after ${FIRST_LOOK} tasks`,
  lowerIsBetter: true,
  use,
  runs: 1,
  contestants,
  async turn(stand, { tasks, limit, backlog }) {
    const [worker] = await stand.open();
    const [producer] = await stand.open({ worker: false });
    await warmUp(stand, drainingBy(worker, { tasks, limit }));
    const { result, usage } = await stand.measure([worker], () => straightThrough(worker, producer, backlog));
    const { early, late } = result;
    return {
      value: late.rss / early.rss,
      done: result.done,
      usage,
      details: {
        'event loop late, p99 ms': late.lateP99,
        'RSS MiB at first': early.rss / 2 ** 20,
        'of it heap at first': early.heap / 2 ** 20,
        'RSS MiB at last': late.rss / 2 ** 20,
        'of it heap at last': late.heap / 2 ** 20,
        'tasks/s': rateOf(result).value,
      },
    };
  },
  goals: (database) => {
    const of = ours(database).key;
    return [
      { atMost: 1.2, of },
      { atMost: 20, of, detail: 'event loop late, p99 ms' },
    ];
  },
});

export default [
  axis({
    id: 'K',
    title: 'a long way straight through, tuned: RSS at its end',
    use: 'tuned',
    contestants: (database) => [ours(database), byHand(database)],
  }),
  axis({
    id: 'K1',
    title: 'a long way straight through, default options: RSS at its end',
    use: 'default',
    contestants: (database) => [ours(database)],
  }),
];

async function straightThrough(worker, producer, tasks) {
  const start = performance.now();
  await worker.do('go');
  await worker.do('memory');
  let added = 0;
  let early;
  for (;;) {
    const { done } = await worker.do('handled');
    if (done >= FIRST_LOOK) early ??= await worker.do('memory');
    if (done >= tasks) break;
    if (added < tasks && added - done < WAITING) {
      await producer.do('fill', { tasks: BATCH });
      added += BATCH;
    } else await pause(20);
  }
  const ms = performance.now() - start;
  const late = await worker.do('memory');
  return { done: tasks, ms, early: early ?? late, late };
}
