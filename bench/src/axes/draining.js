import { LONGEST } from '../warm-up.js';
import { rateOf } from './rates.js';

/**
 * A backlog drained by one process.
 *
 * @param {import('../harness/stand.js').Stand} stand
 * @param {{ tasks: number, limit: number }} scale
 * @param {{ types?: readonly string[], busyTypes?: readonly string[], slow?: number }} [how]
 */
export async function drainBacklog(stand, { tasks, limit }, { types = ['bench'], busyTypes, slow } = {}) {
  const [worker] = await stand.open({ types });
  await worker.do('warmUp', { tasks, limit: LONGEST, types: busyTypes });
  await worker.do('fill', { tasks, types: busyTypes });
  const { result, usage } = await stand.measure([worker], () => worker.do('drain', { tasks, limit, slow }));
  return { ...rateOf(result), usage };
}
