/**
 * So many rounds of as many tasks as are measured. One alone measures the compiler: at 40,000 tasks/s it is half a second, and much
 * still runs as bytecode in what comes next; a service has run for hours when its partner is back.
 */
export const ROUNDS = 5;

/** How long the draining of all rounds of one process may take, and those of several, ms. */
export const LONGEST = 8_000;
export const LONGEST_TOGETHER = 20_000;

/**
 * The same work again and again. The first round always takes place, another one only if it would be over in time: what a round
 * that is cut leaves behind would be drained with what is measured.
 *
 * @param {number} rounds at most
 * @param {number} longest ms
 * @param {() => Promise<number>} work tells how long it took, ms
 */
export async function inRounds(rounds, longest, work) {
  let spent = 0;
  let last = 0;
  for (let round = 0; round < rounds && spent + last <= longest; round += 1) {
    last = await work();
    spent += last;
  }
}
