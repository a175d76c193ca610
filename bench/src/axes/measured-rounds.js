import { inRounds } from '../warm-up.js';
import { rateOf } from './rates.js';

/**
 * A turn measures so many rounds of the same work, and counts them as one: 20,000 tasks are drained in an eighth of a second, and the
 * next 20,000 take a quarter more or less, since into one round of five falls a collection of V8's whole heap.
 */
export const MEASURED = 5;

/** How long all that is measured in a turn may take, ms; a slow side has one round, which is long enough by itself. */
const LONGEST = 3_000;

/**
 * @param {() => Promise<{ result: { done: number, ms: number }, usage: import('../harness/usage.js').Usage }>} measureOne
 * @returns {Promise<import('./axis.js').Turn>}
 */
export async function measuredRounds(measureOne) {
  const rounds = [];
  await inRounds(MEASURED, LONGEST, async () => {
    rounds.push(await measureOne());
    return rounds.at(-1).result.ms;
  });
  return asOne(rounds);
}

/** @param {readonly Awaited<ReturnType<Parameters<typeof measuredRounds>[0]>>[]} rounds */
export function asOne(rounds) {
  const sum = (of) => rounds.reduce((total, round) => total + of(round), 0);
  const ms = sum(({ usage }) => usage.ms);
  return {
    ...rateOf({ done: sum(({ result }) => result.done), ms: sum(({ result }) => result.ms) }),
    usage: {
      ms,
      client: sum(({ usage }) => usage.client),
      server: rounds[0].usage.server === undefined ? undefined : sum(({ usage }) => usage.server),
      others: sum(({ usage }) => usage.others * usage.ms) / ms,
      rss: rounds.at(-1).usage.rss,
    },
  };
}
