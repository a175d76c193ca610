import { LONGEST } from '../warm-up.js';
import { measuredRounds } from './measured-rounds.js';

/**
 * A backlog drained by one process.
 *
 * @param {import('../harness/stand.js').Stand} stand
 * @param {import('./axis.js').Scale} scale
 * @param {{ types?: readonly string[], busyTypes?: readonly string[], slow?: number, inTheWay?: 'addWaiting' | 'addDead' }} [how]
 */
export async function drainBacklog(
  stand,
  { tasks, limit, backlog },
  { types = ['bench'], busyTypes, slow, inTheWay } = {},
) {
  const [worker] = await stand.open({ types });
  if (inTheWay) await worker.do('fill', { tasks: backlog, kind: inTheWay });
  await worker.do('warmUp', { tasks, limit: LONGEST, types: busyTypes });
  return measuredRounds(async () => {
    await worker.do('fill', { tasks, types: busyTypes });
    const round = await stand.measure([worker], () => worker.do('drain', { tasks, limit, slow }));
    await worker.do('rest');
    return round;
  });
}
