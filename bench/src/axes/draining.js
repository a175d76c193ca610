import { LONGEST } from '../warm-up.js';
import { measuredRounds } from './measured-rounds.js';

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
  return measuredRounds(async () => {
    await worker.do('fill', { tasks, types: busyTypes });
    const round = await stand.measure([worker], () => worker.do('drain', { tasks, limit, slow }));
    await worker.do('rest');
    return round;
  });
}
