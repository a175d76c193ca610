/**
 * Tasks that one process adds; it has added as many before.
 *
 * @param {import('../harness/stand.js').Stand} stand
 * @param {string} operation
 * @param {{ tasks: number, limit: number, callers?: number, size?: number }} how
 * @returns {Promise<import('../harness/rounds.js').Work>}
 */
export async function addingOf(stand, operation, how) {
  const [producer] = await stand.open({ worker: false });
  return { processes: [producer], work: () => producer.do(operation, how) };
}
