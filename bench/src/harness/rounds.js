/**
 * What most axes do: the same work in rounds, first to warm up, then measured.
 *
 * @typedef {object} Work
 * @property {readonly import('./side-process.js').SideProcess[]} processes whose CPU time counts
 * @property {() => Promise<unknown>} [before] each round, not measured
 * @property {() => Promise<Result>} work
 * @property {() => Promise<unknown>} [after] each round, not measured
 * @property {Allowance} [warmUp] other than {@link WARM_UP}
 * @property {Allowance} [measured] other than {@link MEASURED}
 *
 * @typedef {{ done: number, ms: number }} Result
 * @typedef {{ result: Result, usage: import('./usage.js').Usage, repeats: number }} Round
 *
 * @typedef {object} Allowance so many rounds at most, and no other one that would not be over in time: what a round that is cut leaves
 * behind would be drained with the next
 * @property {number} rounds
 * @property {number} longest ms of work, all rounds together
 */

/**
 * Fewer rounds measure the compiler, and V8's first collection of its whole heap: on C the library does 69, 134, 117, 145, 138, 174, …
 * thousand tasks a second in a fresh process and 170 from then on, the loop by hand 144, 148, 211, …; a service has run for hours when
 * its partner is back.
 */
export const WARM_UP = { rounds: 10, longest: 8_000 };

/**
 * These are counted as one: 20,000 tasks are drained in an eighth of a second, and the next 20,000 take a quarter more or less, since
 * into one round of five falls a collection of V8's whole heap. A slow side has one round, which is long enough by itself.
 */
export const MEASURED = { rounds: 5, longest: 3_000 };

/** A round in which others used more than this share of the machine is repeated. */
export const DISTURBED = 0.1;

/**
 * @param {number} repeats at most
 * @param {() => Promise<T>} once
 * @template {{ usage: import('./usage.js').Usage }} T
 */
export async function leastDisturbed(repeats, once) {
  let best;
  for (let tries = 0; ; tries += 1) {
    const taken = await once();
    if (best === undefined || taken.usage.others < best.usage.others) best = taken;
    if (best.usage.others <= DISTURBED || tries >= repeats) return { ...best, repeats: tries };
  }
}

/** The rounds that one side has on one axis. */
export class Rounds {
  #stand;
  #work;
  #warmUp;
  #measured;
  /** @type {Round[]} */
  #taken = [];

  /**
   * @param {import('./stand.js').Stand} stand
   * @param {Work} work
   */
  constructor(stand, work) {
    this.#stand = stand;
    this.#work = work;
    this.#warmUp = new Spending(work.warmUp ?? WARM_UP);
    this.#measured = new Spending(work.measured ?? MEASURED);
  }

  /** Rounds that are still to come before any is measured. */
  get toWarmUp() {
    return this.#warmUp.left;
  }

  async warmUp() {
    const { ms } = await this.#round(this.#work.work);
    this.#warmUp.add(ms);
  }

  get toTake() {
    return this.#measured.left;
  }

  /** @param {number} repeats how often it is repeated at most, if others disturb it */
  async take(repeats) {
    const { processes, work } = this.#work;
    const round = await leastDisturbed(repeats, () =>
      this.#round(() => this.#stand.measure(processes, work)),
    );
    this.#taken.push(round);
    this.#measured.add(round.result.ms);
  }

  get taken() {
    return this.#taken;
  }

  async #round(does) {
    await this.#work.before?.();
    const result = await does();
    await this.#work.after?.();
    return result;
  }
}

/** What is used of an allowance. */
class Spending {
  #rounds = 0;
  #ms = 0;
  #last = 0;

  /** @param {Allowance} allowance */
  constructor(allowance) {
    this.allowance = allowance;
  }

  /** Rounds. */
  get left() {
    const { rounds, longest } = this.allowance;
    return this.#ms + this.#last > longest ? 0 : rounds - this.#rounds;
  }

  add(ms) {
    this.#rounds += 1;
    this.#ms += ms;
    this.#last = ms;
  }
}

/**
 * For an axis whose turn has no rounds.
 *
 * @param {import('./stand.js').Stand} stand
 * @param {Work} work
 */
export async function warmUp(stand, work) {
  const rounds = new Rounds(stand, work);
  while (rounds.toWarmUp > 0) await rounds.warmUp();
}

/**
 * All that was done, by all the time that it took.
 *
 * @param {readonly Round[]} rounds
 */
export function asOne(rounds) {
  const sum = (of) => rounds.reduce((total, round) => total + of(round), 0);
  const done = sum(({ result }) => result.done);
  const ms = sum(({ usage }) => usage.ms);
  return {
    value: (done / sum(({ result }) => result.ms)) * 1_000,
    done,
    usage: {
      ms,
      client: sum(({ usage }) => usage.client),
      server: rounds[0].usage.server === undefined ? undefined : sum(({ usage }) => usage.server),
      others: sum(({ usage }) => usage.others * usage.ms) / ms,
      rss: rounds.at(-1).usage.rss,
    },
    repeats: sum(({ repeats }) => repeats),
    disturbed: rounds.some(({ usage }) => usage.others > DISTURBED),
  };
}
