import type { BeginCall, Settlement, WorkerCall } from './calls.js';
import { type Setting, theLockRow, transactions } from './session.js';
import {
  type Held,
  type LifeId,
  memoryOf,
  type Running,
  type State,
  type TaskId,
  txIn,
  txsOf,
  withItem,
  type Worker,
} from './state.js';

/** `nextOfWorker` of lib/redrive/loops.ts, in any order. */
export function* nextOfWorker(setting: Setting, state: State, index: number): Generator<WorkerCall> {
  const worker = state.workers[index]!;
  const { life, phase, lease } = worker;
  if (life === null) yield { kind: 'register', life: index };
  if (life === null || phase === 'failed to hand back' || isHandingBack(state, index)) return;
  const { places } = memoryOf(worker);
  const row = state.rows[life];
  const isOutdated =
    !row || row.lapsed || lease === 'out' || places.some((place, task) => place !== row.places[task]);
  // One that would change nothing is left out.
  if (isOutdated) yield { kind: 'renew', life, back: [] };
  const held = tasksOf(worker, 'held');
  if (held.length > 0) yield { kind: 'renew', life, back: held };
  // What is paused is handed back, and not begun.
  if (phase === 'draining' || worker.paused !== null) return;
  const begin = beginCall(setting, worker, life, held);
  if (begin.starts.length > 0) yield begin;
}

/** `nextOfClaims` of lib/redrive/loops.ts, in any order. */
export function* nextOfClaims(setting: Setting, state: State, index: number): Generator<WorkerCall> {
  const worker = state.workers[index]!;
  const { life, phase } = worker;
  const isAdding = txIn(state, index, 'life')?.call.kind === 'add';
  if (life === null || phase !== 'running' || (isAdding && setting.rules.addedBesideNoClaim)) return;
  const most = setting.size.batch - tasksOf(worker, 'held').length;
  if (mayClaim(setting, state, life, memoryOf(worker).places, most)) yield { kind: 'claim', life, most };
}

/** `nextOfSettlings` of lib/redrive/loops.ts, in any order, and `handBack` (last.write.ts) once nothing else is under way. */
export function* nextOfSettlings(setting: Setting, state: State, index: number): Generator<WorkerCall> {
  const worker = state.workers[index]!;
  const { life, phase } = worker;
  if (life === null) return;
  yield* settleCalls(setting, state, index);
  if (phase === 'running' || txsOf(state, index).some((tx) => tx)) return;
  for (const ended of endings(setting, worker)) {
    const settlements = settlementsOf(setting, ended, life);
    const aborted = tasksOf(ended, 'running').filter((task) => (ended.has[task] as Running).outcome === '');
    yield { kind: 'handBack', life, settlements, aborted };
  }
}

/** The same of the other loop; which of the two is the first makes no difference. */
export function* nextOfMoreSettlings(setting: Setting, state: State, index: number): Generator<WorkerCall> {
  if (txIn(state, index, 'settlings')) yield* settleCalls(setting, state, index);
}

function* settleCalls(setting: Setting, state: State, index: number): Generator<WorkerCall> {
  const worker = state.workers[index]!;
  const { life, phase } = worker;
  if (life === null || phase === 'failed to hand back' || isHandingBack(state, index)) return;
  const leaving = txsOf(state, index).flatMap((tx) =>
    tx?.call.kind === 'settle' && tx.call.life === life ? tx.call.settlements.map(({ task }) => task) : [],
  );
  for (const ended of endings(setting, worker)) {
    const settlements = settlementsOf(setting, ended, life).filter(({ task }) => !leaving.includes(task));
    const mayBeKept = settlements.flatMap(({ kind, task }) => {
      const { was, outcome } = worker.has[task] as Running;
      const isFirstTry = outcome === '' || !setting.rules.keptByTheFirstTry;
      return kind === 'again' && isFirstTry && was ? [task] : [];
    });
    if (settlements.length > 0)
      for (const kept of someOf(mayBeKept)) yield { kind: 'settle', life, settlements, kept };
  }
}

/** All, none, and everything between. */
function someOf(tasks: readonly TaskId[]): TaskId[][] {
  const [first, ...others] = tasks;
  if (first === undefined) return [[]];
  return someOf(others).flatMap((some) => [some, [first, ...some]]);
}

const isHandingBack = (state: State, index: number) =>
  txIn(state, index, 'settlings')?.call.kind === 'handBack';

const tasksOf = ({ has }: Worker, as: 'held' | 'running'): TaskId[] =>
  [...has.keys()].filter((task) => has[task]?.as === as);

/** `nextStarts` of lib/redrive/worker.life.ts, within the free slots. */
function beginCall({ size }: Setting, worker: Worker, life: LifeId, held: readonly TaskId[]): BeginCall {
  const running = tasksOf(worker, 'running').map((task) => worker.has[task] as Running);
  const unsettled = running.filter(({ outcome }) => outcome !== '').length;
  const active = running.length - unsettled;
  const mostUnsettled = size.concurrency === 1 ? 1 : size.batch;
  const free = Math.min(size.concurrency - active, mostUnsettled - unsettled);
  const starting = held.slice(0, Math.max(0, free));
  const own = starting.map((task) => worker.has[task] as Held);
  return {
    kind: 'begin',
    life,
    starts: starting.map((task, at) => ({ task, execTimes: own[at]!.execTimes })),
    knocks: Math.min(...own.map(({ knocks }) => knocks)),
  };
}

/** Claims that could find nothing are left out, and those that would find the lock row taken: they change nothing. */
function mayClaim(
  { rules }: Setting,
  state: State,
  life: LifeId,
  holding: readonly unknown[],
  most: number,
): boolean {
  if (rules.lookUnderTheLockRow)
    for (const { locks } of transactions(state)) if (locks.includes(theLockRow)) return false;
  const others = state.rows.filter((row, other) => row && other !== life);
  if (others.some((row) => row!.lapsed)) return true;
  const isFree = (task: TaskId) => holding[task] === '' && others.every((row) => row!.places[task] === '');
  return (
    most > 0 &&
    state.pause === 'none' &&
    state.tasks.some(({ status }, task) => status === 'PENDING' && isFree(task))
  );
}

/** `settlementOf` of lib/redrive/retry.policy.ts. */
function settlementsOf({ size }: Setting, worker: Worker, life: LifeId): Settlement[] {
  return [...worker.has.entries()].flatMap(([task, own]): Settlement[] => {
    if (own?.as !== 'running' || own.outcome === '') return [];
    const { execTimes: before, outcome } = own;
    const counted = { task, before, execTimes: before + 1, life, outcome };
    if (outcome === 'succeeded') return [{ kind: 'succeeded', ...counted }];
    if (outcome === 'postponed') return [{ kind: 'again', ...counted, execTimes: before }];
    return [{ kind: before + 1 >= size.maxAttempts ? 'dead' : 'again', ...counted }];
  });
}

/** The ways in which some of its handlers have ended by now, or none. */
function* endings(setting: Setting, worker: Worker, from = 0): Generator<Worker> {
  const task = worker.has.findIndex((own, id) => id >= from && own?.as === 'running' && own.outcome === '');
  if (task < 0) {
    yield worker;
    return;
  }
  const own = worker.has[task] as Running;
  for (const outcome of ['', ...setting.size.outcomes] as const)
    yield* endings(setting, { ...worker, has: withItem(worker.has, task, { ...own, outcome }) }, task + 1);
}
