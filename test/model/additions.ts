import type { AddCall, Call } from './calls.js';
import type { Setting } from './session.js';
import { type State, txIn, type Worker } from './state.js';
import { spent, type Step } from './step.js';
import { begin } from './worker.js';

/** A live worker adds a task that it begins by the same COMMIT (`addAndBegin` of lib/redrive/redrive.cycle.ts). */
export function* additions(setting: Setting, state: State): Generator<Step> {
  for (const index of state.workers.keys())
    for (const call of additionsOf(setting, state, index))
      yield { ...begin(setting, spentOn(state, call), index, 'life', call), chance: true };
}

export function* additionsOf(setting: Setting, state: State, index: number): Generator<AddCall> {
  const task = state.tasks.findIndex(({ status }) => status === 'ABSENT');
  const isBusy =
    txIn(state, index, 'life') ?? (setting.rules.addedBesideNoClaim && txIn(state, index, 'claims'));
  const worker = state.workers[index]!;
  if (task < 0 || state.left.additions === 0 || isBusy || !mayAdd(setting, worker)) return;
  for (const by of ['a transaction', 'one statement'] as const)
    yield { kind: 'add', by, life: worker.life!, starts: [{ task, execTimes: 0 }] };
}

export const spentOn = (state: State, { kind }: Call): State =>
  kind === 'add' ? spent(state, 'additions') : state;

/** It has nothing else to begin, and a free slot. */
function mayAdd({ size }: Setting, { life, phase, has }: Worker): boolean {
  const isBusy = has.some((own) => own !== null && own.as !== 'running');
  return life !== null && phase === 'running' && !isBusy && has.filter(Boolean).length < size.concurrency;
}
