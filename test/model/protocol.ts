import { Violation } from './audit.js';
import { canonical, exchanges, parts, whole } from './canonical.js';
import { additions } from './additions.js';
import { ends, losses } from './faults.js';
import { deadLapses, liveLapses } from './leases.js';
import { orphanSteps } from './orphans.js';
import { visitorSteps, visits } from './visitors.js';
import type { System } from './explorer.js';
import { ALL_RULES, type Rules } from './rules.js';
import { type Setting, transactions } from './session.js';
import { firstState, type Limits, NO_FAULTS, type Size, type State, txIn, type Worker } from './state.js';
import { named } from './statements.js';
import type { Step, Waiting } from './step.js';
import { workerSteps } from './worker.js';

const SMALL: Size = {
  workers: 2,
  tasks: 1,
  maxAttempts: 2,
  concurrency: 1,
  batch: 1,
  outcomes: ['succeeded', 'failed', 'postponed'],
  keeps: false,
};

/**
 * The claim protocol of lib/store and lib/redrive, to be explored: every statement of every transaction of some workers, in
 * every order, READ COMMITTED with its row locks, and every fault at every moment.
 *
 * Promises, in each state: no task runs in two workers that believe that they live; who has lost its lease settles nothing and
 * begins nothing; each attempt that has begun is counted once (twice never; not at all only if it was postponed, handed back at a
 * shutdown, or if a person ended or retried the task meanwhile); what is merely held is charged to nobody; after a person's command has
 * resolved nothing begins as it was before, and of a paused type nothing at all; no transactions wait for one another; and all tasks can
 * still end by themselves.
 *
 * An attempt that was never begun is counted only if its worker never heard that its mark was committed, or that it was settled.
 *
 * Left out, since they change nothing of this: parameters, back-off (a pending task is due), parking, dedupe keys, several
 * chunks, kept successes, the look of an idle worker; that a lone add begins only while nobody has knocked, and that it may be kept. SQLite is the same with every transaction in one step.
 */
export function protocol(
  limits: Partial<Limits>,
  size: Partial<Size> = {},
  rules: Partial<Rules> = {},
): System<State> {
  const setting: Setting = { size: { ...SMALL, ...size }, rules: { ...ALL_RULES, ...rules } };
  return {
    first: firstState(setting.size, { ...NO_FAULTS, ...limits }),
    steps: (state) => steps(setting, state),
    check: (state) => check(setting, state),
    hasEnded: ({ tasks }) => tasks.every(({ status }) => status !== 'PENDING'),
    canonical,
    parts,
    whole,
    symmetries: exchanges(setting.size.workers),
  };
}

function* steps(setting: Setting, state: State): Generator<Step> {
  const waiting: Waiting = [];
  for (const index of state.workers.keys()) yield* workerSteps(setting, state, index, waiting);
  for (const at of state.visitors.keys()) yield* visitorSteps(setting, state, at, waiting);
  yield* additions(setting, state);
  yield* orphanSteps(setting, state, waiting);
  yield* deadLapses(state);
  for (const index of state.workers.keys()) {
    yield* ends(state, index);
    yield* losses(setting, state, index);
  }
  yield* liveLapses(state);
  yield* visits(state);
  if (waiting.length > 1) noDeadlock(state, waiting);
}

/** What must hold in every state. */
function check({ size, rules }: Setting, state: State): void {
  const live = [...state.workers.entries()].filter(([index]) => believesItLives(state, index));
  // Why the promises hold. A mutant goes on, until a promise is broken.
  const isWhole = Object.values(rules).every((isKept) => isKept);
  for (const [index, { life }] of live)
    if (isWhole && (!state.rows[life!] || state.rows[life!]!.lapsed))
      throw new Violation(`worker ${index} keeps its lease by its own clock, but not in the ledger`);
  for (const [id, { execTimes }] of state.tasks.entries()) {
    if (execTimes > size.maxAttempts) throw new Violation(`${named([id])} has ${execTimes} attempts`);
    const runs = live.filter(([, { has }]) => isRunning(has[id]));
    if (runs.length > 1)
      throw new Violation(
        `${named([id])} runs in ${runs.map(([index]) => `worker ${index}`).join(' and ')}, both live`,
      );
  }
}

const isRunning = (own: Worker['has'][number] | undefined) => own?.as === 'running' && own.outcome === '';

/** By its own clock. A worker that hands back does not ask any more. */
function believesItLives(state: State, index: number): boolean {
  const { life, lease, phase } = state.workers[index]!;
  const isHandingBack = txIn(state, index, 'settlings')?.call.kind === 'handBack';
  return life !== null && lease === 'kept' && phase !== 'failed to hand back' && !isHandingBack;
}

function noDeadlock(state: State, waiting: Waiting): void {
  const all = [...transactions(state)];
  for (const first of waiting) {
    let at = first;
    for (let length = 0; length <= waiting.length; length += 1) {
      const holder = all.find((tx) => tx !== at.tx && tx.locks.includes(at.lock));
      const next = waiting.find(({ tx }) => tx === holder);
      if (!next) break;
      if (next === first)
        throw new Violation(`deadlock of ${waiting.map(({ tx }) => tx.call.kind).join(' and ')}`);
      at = next;
    }
  }
}
