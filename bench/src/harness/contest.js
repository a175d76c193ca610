import C from '../axes/c.js';
import { asOne, DISTURBED, leastDisturbed, Rounds } from './rounds.js';
import { Stand } from './stand.js';

/** A candidate for the best settings that takes longer for a round is too slow anyway, ms. */
const LONGEST_TRIAL = 8_000;

/**
 * Lets contestants take turns on the same work: A B C A B C, each in fresh processes on a fresh database; or, where an axis says so, all
 * of them at once, round by round.
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
   * @param {import('./tried.js').Tried} means.tried
   * @param {string} [means.profile] where the processes of the sides leave CPU profiles
   */
  constructor({ servers, loadSide, scale, runs, repeats, progress, tried, profile }) {
    Object.assign(this, { servers, loadSide, scale, runs, repeats, progress, tried, profile });
  }

  /**
   * Axes that are compared with one another are held together: a contestant has its turn on all of them at the same time, round by
   * round, since the machine's own speed moves by a third within seconds. Then the next contestant has its turn.
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
      for (const all of inTurn(results)) {
        const due = all.filter(
          ({ axis, entry }) => run <= (axis.runs ?? Infinity) && entry.failure === undefined,
        );
        if (due.length === 0) continue;
        this.progress.say(due, `${run}/${this.runs}`);
        if (due.every(({ axis }) => axis.rounds)) await this.#takeRounds(due, this.scale, this.profile);
        else for (const one of due) await this.#takeTurn(one);
        this.progress.tell(due);
      }
    return results;
  }

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

  /** One turn of a contestant on each of several axes. */
  async #takeRounds(due, wanted, profile) {
    const stands = [];
    const all = [];
    try {
      for (const { axis, entry } of due)
        await this.#orElse(entry, async () => {
          const stand = new Stand(this.servers, entry.contestant, entry.settings, profile);
          stands.push(stand);
          const work = await axis.rounds(stand, await this.#scaleFor(entry, wanted));
          all.push({ axis, entry, rounds: new Rounds(stand, work) });
        });
      await this.#whoeverHasMost(all, 'toWarmUp', (rounds) => rounds.warmUp());
      await this.#whoeverHasMost(all, 'toTake', (rounds) => rounds.take(this.repeats));
      for (const { axis, entry, rounds } of all)
        await this.#orElse(entry, () => add(entry, told(axis, rounds.taken)));
    } finally {
      for (const stand of stands) await stand.close();
    }
  }

  /** So all of them end together, and none is left alone for long: whoever is idle for 20 s has to get warm again. */
  async #whoeverHasMost(all, left, does) {
    for (;;) {
      const ready = all.filter(({ entry, rounds }) => entry.failure === undefined && rounds[left] > 0);
      if (ready.length === 0) return;
      const next = ready.reduce((most, one) => (one.rounds[left] > most.rounds[left] ? one : most));
      await this.#orElse(next.entry, () => does(next.rounds));
    }
  }

  /** One that has no rounds, in fresh processes each time that it is repeated. */
  async #takeTurn({ axis, entry }) {
    await this.#orElse(entry, async () => {
      const best = await leastDisturbed(this.repeats, () => this.#tryTurn(axis, entry));
      add(entry, { ...best, disturbed: best.usage.others > DISTURBED });
    });
  }

  async #tryTurn(axis, entry) {
    const stand = new Stand(this.servers, entry.contestant, entry.settings, this.profile);
    try {
      return await axis.turn(stand, await this.#scaleFor(entry, this.scale));
    } finally {
      await stand.close();
    }
  }

  async #scaleFor({ contestant }, wanted) {
    const { most = Infinity } = await this.loadSide(contestant.side);
    return { ...wanted, tasks: Math.min(wanted.tasks, most) };
  }

  /** Where a side has several candidates for its settings, they are tried, and the fastest takes part. */
  async #settingsFor(axis, contestant) {
    const side = await this.loadSide(contestant.side);
    const candidates = side.settings[axis.use] ?? side.settings.default;
    if (candidates.length === 1) return candidates[0];
    const trial = axis.trial ?? C;
    const known = this.tried.best(trial, contestant, candidates);
    if (known) return known;
    const use = `${trial.id} ${contestant.key} ${JSON.stringify(candidates)}`;
    if (!this.#best.has(use)) this.#best.set(use, await this.#fastest(trial, contestant, candidates));
    return this.#best.get(use);
  }

  /** All of them at the same time, on the work that is measured: large batches come off badly on less. */
  async #fastest(trial, contestant, candidates) {
    const entries = candidates.map((settings) => ({ contestant, settings, runs: [] }));
    const due = entries.map((entry) => ({ axis: trial, entry }));
    this.progress.say(due, 'trial');
    await this.#takeRounds(due, { ...this.scale, limit: LONGEST_TRIAL });
    this.progress.tell(due);
    // Settings that do not work are not the best ones; the others take part.
    const working = entries.filter(({ failure }) => failure === undefined);
    if (working.length === 0) throw new Error(entries[0].failure);
    return working.reduce((best, one) => (one.runs[0].value > best.runs[0].value ? one : best)).settings;
  }
}

/** Who has a turn at the same time: all sides of an axis that says so; else what the first contestant takes part in, then the next. */
function inTurn(results) {
  if (results.every(({ axis }) => axis.atOnce))
    return results.map(({ axis, entries }) => entries.map((entry) => ({ axis, entry })));
  const all = results.flatMap(({ axis, entries }) => entries.map((entry) => ({ axis, entry })));
  const keys = [...new Set(all.map(({ entry }) => entry.contestant.key))];
  return keys.map((key) => all.filter(({ entry }) => entry.contestant.key === key));
}

function told(axis, rounds) {
  const turn = { ...asOne(rounds), details: axis.details?.(rounds) };
  return axis.value ? { ...turn, value: axis.value(rounds) } : turn;
}

function add(entry, turn) {
  if (!Number.isFinite(turn.value)) throw new Error('did nothing within its time');
  entry.runs.push(turn);
}
