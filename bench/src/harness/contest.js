import C from '../axes/c.js';
import { Stand } from './stand.js';

/** A turn in which others used more than this share of the machine is repeated. */
export const DISTURBED = 0.1;
/** Candidates for the best settings are tried so often, those that are left far behind by then no more. */
const TRIALS = 2;
const FAR_BEHIND = 0.75;
/** A candidate that takes longer is too slow anyway, ms. */
const LONGEST_TRIAL = 8_000;

/**
 * Lets contestants take turns on the same work: A B C A B C, each in fresh processes on a fresh database.
 */
export class Contest {
  /** Trial, contestant and candidates → the fastest settings. */
  #best = new Map();

  /**
   * @param {object} means
   * @param {import('../servers/index.js').Servers} means.servers
   * @param {(key: string) => Promise<import('../sides/side.js').Side>} means.loadSide
   * @param {import('../axes/axis.js').Scale} means.scale
   * @param {number} means.runs
   * @param {number} means.repeats how often a disturbed turn is repeated at most; what stays disturbed is marked
   * @param {import('./progress.js').Progress} means.progress
   * @param {string} [means.profile] where the processes of the sides leave CPU profiles
   */
  constructor({ servers, loadSide, scale, runs, repeats, progress, profile }) {
    Object.assign(this, { servers, loadSide, scale, runs, repeats, progress, profile });
  }

  /**
   * @param {import('../axes/axis.js').Axis} axis
   * @param {readonly import('../axes/contestants.js').Contestant[]} contestants
   * @returns {Promise<{ contestant: object, settings: object, runs: object[], failure?: string }[]>}
   */
  async hold(axis, contestants) {
    const entries = [];
    for (const contestant of contestants) {
      const entry = { contestant, runs: [] };
      entries.push(entry);
      await this.#orElse(entry, async () => {
        entry.settings = await this.#settingsFor(axis, contestant);
      });
    }
    const runs = Math.min(this.runs, axis.runs ?? Infinity);
    for (let run = 1; run <= runs; run += 1)
      for (const entry of entries)
        await this.#orElse(entry, async () => {
          this.progress.say(axis, `${run}/${runs}`, entry.contestant);
          const taken = await this.#undisturbed(axis, entry);
          this.progress.tell(axis, taken);
          entry.runs.push(taken);
        });
    for (const { kept } of entries) await kept?.stand.close();
    return entries;
  }

  /** A side that fails takes no further part in this axis, and its error is told; the others go on. */
  async #orElse(entry, does) {
    if (entry.failure !== undefined) return;
    try {
      await does();
    } catch (error) {
      entry.failure = String(error?.message ?? error);
      this.progress.tellFailure(entry.failure);
    }
  }

  async #undisturbed(axis, entry) {
    let best;
    for (let tries = 0; tries <= this.repeats; tries += 1) {
      const taken = await this.#turn(axis, entry, this.scale);
      if (best === undefined || taken.usage.others < best.usage.others) best = taken;
      best.repeats = tries;
      if (best.usage.others <= DISTURBED) break;
    }
    return { ...best, disturbed: best.usage.others > DISTURBED };
  }

  async #turn(axis, entry, wanted) {
    const { most = Infinity } = await this.loadSide(entry.contestant.side);
    const scale = { ...wanted, tasks: Math.min(wanted.tasks, most) };
    const stand =
      entry.kept?.stand ??
      new Stand(this.servers, entry.contestant, entry.settings, entry.runs && this.profile);
    try {
      if (axis.prepare) entry.kept ??= { stand, prepared: await axis.prepare(stand, scale) };
      const turn = await axis.turn(stand, scale, entry.kept?.prepared);
      if (!Number.isFinite(turn.value)) throw new Error(`did nothing within ${scale.limit / 1_000} s`);
      return turn;
    } finally {
      if (!entry.kept) await stand.close();
    }
  }

  /** Where a side has several candidates, they are tried at draining, and the fastest takes part. */
  async #settingsFor(axis, contestant) {
    const side = await this.loadSide(contestant.side);
    const candidates = side.settings[axis.use] ?? side.settings.default;
    if (candidates.length === 1) return candidates[0];
    const trial = axis.trial ?? C;
    const use = `${trial.id} ${contestant.key} ${JSON.stringify(candidates)}`;
    if (!this.#best.has(use)) this.#best.set(use, await this.#fastest(trial, contestant, candidates));
    return this.#best.get(use);
  }

  /** On the work that is measured: large batches come off badly on less. */
  async #fastest(trial, contestant, candidates) {
    let left = candidates.map((settings) => ({ settings, values: [] }));
    for (let round = 1; round <= TRIALS && (round === 1 || left.length > 1); round += 1) {
      for (const one of left) await this.#try(trial, contestant, one);
      // Settings that do not work are not the best ones; the others take part.
      const working = left.filter(({ failure }) => !failure);
      if (working.length === 0) throw left[0].failure;
      const best = Math.max(...working.map(meanOf));
      left = working.filter((one) => meanOf(one) >= FAR_BEHIND * best);
    }
    return left.reduce((best, one) => (meanOf(one) > meanOf(best) ? one : best)).settings;
  }

  async #try(trial, contestant, one) {
    this.progress.say(trial, 'trial', contestant, one.settings);
    try {
      const scale = { ...this.scale, limit: LONGEST_TRIAL };
      const { value } = await this.#turn(trial, { contestant, settings: one.settings }, scale);
      this.progress.tellTrial(trial, value);
      one.values.push(value);
    } catch (error) {
      one.failure = error;
      this.progress.tellFailure(String(error?.message ?? error));
    }
  }
}

const meanOf = ({ values }) => values.reduce((sum, value) => sum + value, 0) / values.length;
