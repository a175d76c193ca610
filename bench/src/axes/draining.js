import { rateOf } from './rates.js';

/** How long a process may take for its warm-up, ms. A smaller one measures the compiler: at 40,000 tasks/s the code is half a second old. */
const WARM_UP_LIMIT = 8_000;

/**
 * A backlog drained by one process.
 *
 * @param {import('../harness/stand.js').Stand} stand
 * @param {{ tasks: number, limit: number }} scale
 * @param {{ types?: readonly string[], busyTypes?: readonly string[], slow?: number }} [how]
 */
export async function drainBacklog(stand, { tasks, limit }, { types = ['bench'], busyTypes, slow } = {}) {
  const [worker] = await stand.open({ types });
  await worker.do('warmUp', { tasks, limit: WARM_UP_LIMIT, types: busyTypes });
  await worker.do('fill', { tasks, types: busyTypes });
  const { result, usage } = await stand.measure([worker], () => worker.do('drain', { tasks, limit, slow }));
  return { ...rateOf(result), usage };
}
