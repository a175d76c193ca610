/** The same cases in every run, unless asked for others. */
const SEED = 20_261_123;

/**
 * How many cases of a property are tried. `REDO_FUZZ=10` tries ten times as many, drawn anew; what fails prints its seed and
 * path.
 */
export function cases(numRuns: number, env = process.env): { numRuns: number; seed?: number } {
  const factor = Number(env['REDO_FUZZ'] || 1);
  if (!Number.isInteger(factor) || factor < 1)
    throw new Error(`REDO_FUZZ is "${env['REDO_FUZZ']}"; allowed: an integer of 1 or more`);
  return factor === 1 ? { numRuns, seed: SEED } : { numRuns: factor * numRuns };
}
