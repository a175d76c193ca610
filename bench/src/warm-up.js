/**
 * So many rounds of as many tasks as are measured. Fewer measure the compiler, and V8's first collection of its whole heap: on C the
 * library does 69, 134, 117, 145, 138, 174, … thousand tasks a second in a fresh process and 170 from then on, the loop by hand 144,
 * 148, 211, …; a service has run for hours when its partner is back.
 */
export const ROUNDS = 10;

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
