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
   * Axes that are compared with one another, since the machine's own speed moves within minutes: a contestant takes its turns on all of
   * them one after the other, then the next contestant does.
   *
   * @param {readonly Event[]} events
   * @returns {Promise<{ axis: import('../axes/axis.js').Axis, entries: Entry[] }[]>}
   *
   * @typedef {{ axis: import('../axes/axis.js').Axis, contestants: readonly import('../axes/contestants.js').Contestant[] }} Event
   * @typedef {{ contestant: object, settings: object, runs: object[], failure?: string }} Entry
   */
  async hold(events) {
    const results = [];
    for (const { axis, contestants } of events)
      results.push({ axis, entries: await this.#entriesOf(axis, contestants) });
    for (let run = 1; run <= this.runs; run += 1)
      for (const { axis, entry } of contestantByContestant(results))
        if (run <= this.#runsOf(axis)) await this.#orElse(entry, () => this.#take(axis, entry, run));
    return results;
  }

  #runsOf = (axis) => Math.min(this.runs, axis.runs ?? Infinity);

  async #entriesOf(axis, contestants) {
    const entries = [];
    for (const contestant of contestants) {
      const entry = { contestant, runs: [] };
      entries.push(entry);
      await this.#orElse(entry, async () => {
        entry.settings = await this.#settingsFor(axis, contestant);
      });
    }
    return entries;
  }

  async #take(axis, entry, run) {
    this.progress.say(axis, `${run}/${this.#runsOf(axis)}`, entry.contestant);
    const taken = await this.#undisturbed(axis, entry);
    this.progress.tell(axis, taken);
    entry.runs.push(taken);
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
    const stand = new Stand(this.servers, entry.contestant, entry.settings, entry.runs && this.profile);
    try {
      const turn = await axis.turn(stand, scale);
      if (!Number.isFinite(turn.value)) throw new Error(`did nothing within ${scale.limit / 1_000} s`);
      return turn;
    } finally {
      await stand.close();
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

/** Every axis of the first contestant, then of the next. */
function contestantByContestant(results) {
  const all = results.flatMap(({ axis, entries }) => entries.map((entry) => ({ axis, entry })));
  const keys = [...new Set(all.map(({ entry }) => entry.contestant.key))];
  return keys.flatMap((key) => all.filter(({ entry }) => entry.contestant.key === key));
}

const meanOf = ({ values }) => values.reduce((sum, value) => sum + value, 0) / values.length;
