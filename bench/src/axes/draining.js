/**
 * A backlog drained by one process.
 *
 * @param {import('../harness/stand.js').Stand} stand
 * @param {import('./axis.js').Scale} scale
 * @param {{ types?: readonly string[], busyTypes?: readonly string[], slow?: number, inTheWay?: 'addWaiting' | 'addDead' }} [how]
 * @returns {Promise<import('../harness/rounds.js').Work>}
 */
export async function drainingOf(stand, scale, { types = ['bench'], inTheWay, ...how } = {}) {
  const [worker] = await stand.open({ types });
  if (inTheWay) await worker.do('fill', { tasks: scale.backlog, kind: inTheWay });
  return drainingBy(worker, scale, how);
}

/** @returns {import('../harness/rounds.js').Work} */
export const drainingBy = (worker, { tasks, limit }, { busyTypes, slow } = {}) => ({
  processes: [worker],
  before: () => worker.do('fill', { tasks, types: busyTypes }),
  work: () => worker.do('drain', { tasks, limit, slow }),
  after: () => worker.do('rest'),
});
