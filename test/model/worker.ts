import { answered, run } from './answers.js';
import { commit, mayBegin } from './audit.js';
import { isAutocommit, lifeOf, type WorkerCall } from './calls.js';
import { nextOfClaims, nextOfMoreSettlings, nextOfSettlings, nextOfWorker } from './lanes.js';
import type { Setting } from './session.js';
import {
  type Lane,
  LANES,
  memoryOf,
  type Running,
  type State,
  type Tx,
  txIn,
  unregistered,
  withTx,
  withWorker,
} from './state.js';
import { named } from './statements.js';
import type { Step, Waiting } from './step.js';
import { afterCommit, isWritten, opened, proceed, type Progress } from './transaction.js';

const NEXT = {
  life: nextOfWorker,
  claims: nextOfClaims,
  settlings: nextOfSettlings,
  'more settlings': nextOfMoreSettlings,
};

/** What a worker can do next: each of its lanes one thing at a time with the database (lib/redrive/loops.ts). */
export function* workerSteps(
  setting: Setting,
  state: State,
  index: number,
  waiting: Waiting,
): Generator<Step> {
  const worker = state.workers[index]!;
  for (const lane of LANES) {
    const tx = txIn(state, index, lane);
    if (tx) yield* transactionSteps(setting, state, index, lane, tx, waiting);
    else for (const call of NEXT[lane](setting, state, index)) yield begin(setting, state, index, lane, call);
  }
  if (worker.lease === 'out')
    yield { name: `worker ${index} finds that its lease has run out`, take: () => loseLease(state, index) };
}

/** `loseLease` of lib/redrive/redrive.cycle.ts; handlers that go on are nobody's any more, what is under way ends by itself. */
function loseLease(state: State, index: number): State {
  const worker = state.workers[index]!;
  const memory = memoryOf(worker);
  const isOwn = (tx: Tx | null) => tx && lifeOf(tx.call) === worker.life && tx.call.kind !== 'register';
  const txs = state.txs.map((tx) =>
    isOwn(tx) ? (tx!.stage === 'committed' ? null : { ...tx!, memory }) : tx,
  );
  return withWorker({ ...state, txs }, index, unregistered(worker.has.length));
}

function* transactionSteps(
  setting: Setting,
  state: State,
  index: number,
  lane: Lane,
  tx: Tx,
  waiting: Waiting,
): Generator<Step> {
  const name = `worker ${index}: ${tx.call.kind}`;
  switch (tx.stage) {
    case 'open': {
      const progress = proceed(setting, state, tx);
      if (progress.kind === 'waits') waiting.push({ tx, lock: progress.lock });
      else
        yield {
          name: `${name}: ${progress.statement}${progress.kind === 'lease lost' ? ': it is gone' : ''}`,
          take: () => proceeded(setting, state, index, lane, progress),
        };
      return;
    }
    case 'done':
      yield { name: `${name}: COMMIT`, take: () => committed(setting, state, index, lane, tx) };
      return;
    case 'committed':
      yield { name: `${name}: hears that it is done`, take: () => answered(setting, state, index, lane, tx) };
      return;
  }
}

/** Begins a transaction and sends its first statement: nothing that others do can tell the two apart. */
export function begin(setting: Setting, state: State, index: number, lane: Lane, call: WorkerCall): Step {
  const tx = opened(call);
  const sent = withTx(beforeSending(setting, state, index, call), index, lane, tx);
  const progress = proceed(setting, sent, tx);
  const name = `worker ${index}: ${described(call)}`;
  if (progress.kind === 'waits') return { name: `${name}: has to wait`, take: () => sent };
  return {
    name: `${name}: ${progress.statement}`,
    take: () => proceeded(setting, sent, index, lane, progress),
  };
}

export function beforeSending(setting: Setting, state: State, index: number, call: WorkerCall): State {
  const worker = state.workers[index]!;
  const has = [...worker.has];
  if (call.kind === 'settle' || call.kind === 'handBack')
    for (const { task, outcome } of call.settlements)
      if (outcome !== 'died') has[task] = { ...(has[task] as Running), outcome };
  if (call.kind === 'renew') for (const task of call.back) has[task] = null;
  const ready = withWorker(state, index, { ...worker, has });
  return call.kind === 'begin' && !setting.rules.markedFirst ? run(setting, ready, index, call) : ready;
}

function proceeded(
  setting: Setting,
  state: State,
  index: number,
  lane: Lane,
  progress: Exclude<Progress, { kind: 'waits' }>,
): State {
  if (progress.kind === 'lease lost') {
    const { life } = state.workers[index]!;
    const isOver = lifeOf(txIn(state, index, lane)!.call) !== life;
    const ended = withTx(state, index, lane, null);
    return isOver ? ended : loseLease(ended, index);
  }
  const { tx } = progress;
  if (isWritten(tx)) return committed(setting, state, index, lane, tx);
  if (tx.stage === 'open') return withTx(state, index, lane, tx);
  if (isAutocommit(tx.call)) return answered(setting, state, index, lane, tx);
  // Nobody knows of the row before it is committed.
  if (tx.call.kind === 'register') return committed(setting, state, index, lane, tx);
  return withTx(state, index, lane, tx);
}

/** Only where handlers begin does it matter when the worker hears of it: all else is its own business. */
function committed(setting: Setting, state: State, index: number, lane: Lane, tx: Tx): State {
  const { call } = tx;
  if (call.kind === 'begin') mayBegin(state, index, call);
  const next = commit(state, tx);
  if (beginsHandlers(call) && state.workers[index]!.life === lifeOf(call))
    return withTx(next, index, lane, { ...afterCommit(tx), stage: 'committed' });
  return answered(setting, next, index, lane, tx);
}

const beginsHandlers = ({ kind }: Tx['call']) => kind === 'begin' || kind === 'add';

export function described(call: WorkerCall): string {
  const { kind } = call;
  if (kind === 'add') return `add and begin (${named(call.starts.map(({ task }) => task))})`;
  if (kind === 'begin')
    return `begin (${call.starts.map(({ task, execTimes }) => `t${task}, attempt ${execTimes + 1}`).join('; ')})`;
  if (kind === 'renew' && call.back.length > 0) return `renew (without ${named(call.back)})`;
  if ((kind === 'settle' || kind === 'handBack') && call.settlements.length > 0)
    return `${kind} (${call.settlements.map(({ task, outcome }) => `t${task} ${outcome}`).join('; ')})`;
  return kind;
}
