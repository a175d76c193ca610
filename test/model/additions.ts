import type { Setting } from './session.js';
import { type State, txIn, type Worker } from './state.js';
import { spent, type Step } from './step.js';
import { begin } from './worker.js';

/** A live worker adds a task that it begins by the same COMMIT (`addAndBegin` of lib/redrive/redrive.cycle.ts). */
export function* additions(setting: Setting, state: State): Generator<Step> {
  const task = state.tasks.findIndex(({ status }) => status === 'ABSENT');
  if (task < 0 || state.left.additions === 0) return;
  for (const [index, worker] of state.workers.entries()) {
    if (txIn(state, index, 'life') || !mayAdd(setting, worker)) continue;
    const call = { kind: 'add', life: worker.life!, starts: [{ task, execTimes: 0 }] } as const;
    yield { ...begin(setting, spent(state, 'additions'), index, 'life', call), chance: true };
  }
}

/** It has nothing else to begin, and a free slot. */
function mayAdd({ size }: Setting, { life, phase, has }: Worker): boolean {
  const isBusy = has.some((own) => own !== null && own.as !== 'running');
  return life !== null && phase === 'running' && !isBusy && has.filter(Boolean).length < size.concurrency;
}
