import { inRounds, LONGEST, ROUNDS } from '../warm-up.js';
import { rateOf } from './rates.js';

/**
 * Tasks that one process adds; it has added as many before, in as many rounds as those of a drain.
 *
 * @param {import('../harness/stand.js').Stand} stand
 * @param {string} operation
 * @param {{ tasks: number, limit: number, callers?: number, size?: number }} how
 */
export async function addTasks(stand, operation, { limit, ...how }) {
  const [producer] = await stand.open({ worker: false });
  const add = (longest) => producer.do(operation, { ...how, limit: longest });
  await inRounds(ROUNDS, LONGEST, async () => (await add(LONGEST)).ms);
  const { result, usage } = await stand.measure([producer], () => add(limit));
  return { ...rateOf(result), usage };
}
