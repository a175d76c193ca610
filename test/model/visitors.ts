import { commit, resolved } from './audit.js';
import type { Command, VisitorCall } from './calls.js';
import type { Setting } from './session.js';
import { type Limits, type State, type Tx, withItem } from './state.js';
import { named } from './statements.js';
import { spent, type Step, type Waiting } from './step.js';
import { afterCommit, isWritten, opened, proceed } from './transaction.js';

/** Persons discard, retry, pause and resume, the sweeper deletes, and time passes: at any moment. */
export function* visits(state: State): Generator<Step> {
  const { discards, pauses, retries, sweeps, expiries } = state.left;
  const visit = (what: keyof Limits, call: VisitorCall, name: string): Step => ({
    name,
    chance: true,
    take: () => ({ ...spent(state, what), visitors: [...state.visitors, opened(call)] }),
  });
  if (pauses > 0 && state.pause === 'none')
    yield visit('pauses', { kind: 'pause' }, 'a person pauses the type');
  if (state.pause !== 'none' && !state.visitors.some((tx) => commandOf(callOf(tx))?.kind === 'pause'))
    yield { name: 'a person resumes the type', take: () => ({ ...state, pause: 'none' }) };
  for (const [task, { status, expired }] of state.tasks.entries()) {
    if (discards > 0 && status === 'PENDING')
      yield visit('discards', { kind: 'discard', task }, `a person discards ${named([task])}`);
    if (retries > 0 && status === 'DEAD')
      yield visit('retries', { kind: 'retry', task }, `a person retries ${named([task])}`);
    if (sweeps > 0 && status === 'DEAD')
      yield visit('sweeps', { kind: 'deleteOld', task }, `the sweeper deletes ${named([task])}`);
    if (expiries > 0 && status === 'PENDING' && !expired)
      yield {
        name: `${named([task])} expires`,
        chance: true,
        take: () => ({
          ...spent(state, 'expiries'),
          tasks: withItem(state.tasks, task, { ...state.tasks[task]!, expired: true }),
        }),
      };
  }
}

/** How their transactions go on; a person's command has resolved when it has knocked at all workers. */
export function* visitorSteps(setting: Setting, state: State, at: number, waiting: Waiting): Generator<Step> {
  const tx = state.visitors[at]!;
  const call = callOf(tx);
  const command = commandOf(call);
  const name = command === call || !command ? described(call) : `knock after ${described(command)}`;
  const others = state.visitors.filter((other) => other !== tx);
  const goesOn = (from: State, next: Tx): State => ({
    ...from,
    visitors: withItem(state.visitors, at, next),
  });
  if (state.left.lostAnswers > 0) {
    const gone = { ...spent(state, 'lostAnswers'), visitors: others };
    yield { name: `${name} is broken off`, chance: true, take: () => gone };
    if (tx.stage === 'done')
      yield { name: `${name}: COMMIT, and no answer comes`, chance: true, take: () => commit(gone, tx) };
  }
  if (tx.stage === 'done') {
    yield {
      name: `${name}: COMMIT`,
      take: () => {
        const next = commit(state, tx);
        return command
          ? goesOn(next, opened({ kind: 'knock', after: command }))
          : { ...next, visitors: others };
      },
    };
    return;
  }
  const progress = proceed(setting, state, tx);
  if (progress.kind === 'waits') waiting.push({ tx, lock: progress.lock });
  if (progress.kind !== 'answered') return;
  yield {
    name: `${name}: ${progress.statement}`,
    take: () => {
      const next = progress.tx;
      if (next.call.kind !== 'knock') return goesOn(state, next);
      const written = isWritten(next) ? commit(state, next) : state;
      if (next.stage === 'open') return goesOn(written, afterCommit(next));
      return resolved({ ...written, visitors: others }, next.call.after);
    },
  };
}

/** What a person has asked for by it; undefined: it is the sweeper's. */
function commandOf(call: VisitorCall): Command | undefined {
  if (call.kind === 'knock') return call.after;
  return call.kind === 'deleteOld' ? undefined : call;
}

const callOf = ({ call }: Tx) => call as VisitorCall;

const described = (call: VisitorCall) =>
  'task' in call ? `${call.kind} of ${named([call.task])}` : call.kind;
