import { rateOf } from './rates.js';

/** The tasks that a process does before it is measured, a share of the others, and how long it may take for them, ms. */
const WARM_UP = { share: 0.15, limit: 8_000 };

/**
 * A backlog drained by one process.
 *
 * @param {import('../harness/stand.js').Stand} stand
 * @param {{ tasks: number, limit: number }} scale
 * @param {{ types?: readonly string[], busyTypes?: readonly string[], slow?: number }} [how]
 */
export async function drainBacklog(stand, { tasks, limit }, { types = ['bench'], busyTypes, slow } = {}) {
  const [worker] = await stand.open({ types });
  await worker.do('warmUp', {
    tasks: Math.ceil(tasks * WARM_UP.share),
    limit: WARM_UP.limit,
    types: busyTypes,
  });
  await worker.do('fill', { tasks, types: busyTypes });
  const { result, usage } = await stand.measure([worker], () => worker.do('drain', { tasks, limit, slow }));
  return { ...rateOf(result), usage };
}
