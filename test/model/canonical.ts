import { type Call, lifeOf, type Settlement } from './calls.js';
import { workerLock } from './session.js';
import type { Symmetry } from './explorer.js';
import { LANES, type LifeId, placeOf, type State, type Tx, txIn, type Worker } from './state.js';
import type { Sight } from './statements.js';

/**
 * The same state with its lives numbered in one way: each worker's own as the worker, then those that are over. Which number
 * a life has makes no difference, so that states which differ in nothing else are one.
 */
export function canonical(state: State): State {
  const ended = endedLives(state);
  const to = new Map<LifeId, LifeId>(state.workers.map((_, index) => [index, index]));
  ended.forEach((life, index) => to.set(life, state.workers.length + index));
  if (ended.every((life) => to.get(life) === life)) return state;
  return renumbered(state, (life) => to.get(life) ?? life);
}

/** In an order that does not depend on their numbers. */
function endedLives(state: State): LifeId[] {
  const { workers, rows, txs, visitors, orphans } = state;
  const ended = new Set<LifeId>();
  rows.forEach((row, life) => row && ended.add(life));
  for (const tx of [...txs, ...visitors, ...orphans]) if (tx) for (const life of livesIn(tx)) ended.add(life);
  for (const index of workers.keys())
    if (workers[index]!.life !== null || txIn(state, index, 'life')?.call.kind === 'register')
      ended.delete(index);
  if (ended.size < 2) return [...ended];
  const text = new Map([...ended].map((life) => [life, JSON.stringify(rows[life] ?? null)]));
  const compare = (one: LifeId, other: LifeId) =>
    text.get(one)! < text.get(other)! ? -1 : text.get(one) === text.get(other) ? one - other : 1;
  return [...ended].sort(compare);
}

function* livesIn(tx: Tx): Generator<LifeId> {
  const own = lifeOf(tx.call);
  if (own !== undefined) yield own;
  for (const answer of tx.answers)
    if (isSight(answer)) yield* answer.lapsed;
    else if (tx.call.kind === 'knock' && Array.isArray(answer)) yield* answer as LifeId[];
}

type Renumber = (life: LifeId) => LifeId;

function renumbered(state: State, to: Renumber): State {
  const { rows, txs, visitors, orphans } = state;
  return {
    ...state,
    rows: moved(rows, to),
    visitors: visitors.map((tx) => inTx(tx, to)),
    txs: txs.map((tx) => tx && inTx(tx, to)),
    orphans: inOrder(orphans.map((tx) => inTx(tx, to))),
  };
}

export const inOrder = (orphans: readonly Tx[]): readonly Tx[] =>
  orphans.length < 2
    ? orphans
    : [...orphans].sort((one, other) => (JSON.stringify(one) < JSON.stringify(other) ? -1 : 1));

/** Few different parts make all states: what changes in one step is one or two of them. */
export const parts = ({ tasks, rows, visitors, orphans, left, pause, workers, txs }: State): unknown[] => [
  ...[tasks, rows, visitors, orphans, left, pause],
  ...workers,
  ...txs,
];

export const whole = ([
  tasks,
  rows,
  visitors,
  orphans,
  left,
  pause,
  ...others
]: readonly unknown[]): State => {
  const count = others.length / (1 + LANES.length);
  const [workers, txs] = [others.slice(0, count), others.slice(count)];
  return { tasks, rows, visitors, orphans, left, pause, workers, txs } as State;
};

/** How many parts come before those of the workers. */
const IN_COMMON = 6;

/** Workers are all alike: whichever order they come in. */
export function exchanges(workers: number): Symmetry[] {
  const all = permutations(Array.from({ length: workers }, (_, index) => index)).slice(1);
  return all.map((order): Symmetry => {
    // The worker that was `order[index]` is `index` now, and with it its life.
    const to: Renumber = (life) => (life < workers ? order.indexOf(life) : life);
    const inWorkers = order.map((index) => IN_COMMON + index);
    const inTxs = order.flatMap((index) => LANES.map((lane) => IN_COMMON + workers + placeOf(index, lane)));
    return {
      order: [...Array(IN_COMMON).keys(), ...inWorkers, ...inTxs],
      renamed: (part, place) => {
        if (place === 1) return moved(part as State['rows'], to);
        if (place === 2) return (part as State['visitors']).map((tx) => inTx(tx, to));
        if (place === 3) return inOrder((part as State['orphans']).map((tx) => inTx(tx, to)));
        if (place < IN_COMMON || part === null) return part;
        if (place >= IN_COMMON + workers) return inTx(part as Tx, to);
        const worker = part as Worker;
        return worker.life === null ? worker : { ...worker, life: to(worker.life) };
      },
    };
  });
}

function permutations(items: readonly number[]): number[][] {
  if (items.length === 0) return [[]];
  return items.flatMap((item) =>
    permutations(items.filter((other) => other !== item)).map((others) => [item, ...others]),
  );
}

function inTx(tx: Tx, to: Renumber): Tx {
  return {
    ...tx,
    call: inCall(tx.call, to),
    answers: tx.answers.map((answer) => inAnswer(tx.call, answer, to)),
    locks: tx.locks.map((lock) => inLock(lock, to)).sort(),
    rows: moved(tx.rows, to),
    entries: tx.entries.map((entry) => ({ ...entry, life: to(entry.life) })),
  };
}

function inCall(call: Call, to: Renumber): Call {
  if (!('life' in call)) return call;
  const life = to(call.life);
  if (!('settlements' in call)) return { ...call, life };
  return {
    ...call,
    life,
    settlements: call.settlements.map((each): Settlement => ({ ...each, life: to(each.life) })),
  };
}

function inAnswer({ kind }: Call, answer: unknown, to: Renumber): unknown {
  if (isSight(answer)) return { ...answer, lapsed: answer.lapsed.map(to) };
  return kind === 'knock' && Array.isArray(answer) ? (answer as LifeId[]).map(to) : answer;
}

const isSight = (answer: unknown): answer is Sight =>
  typeof answer === 'object' && answer !== null && 'lapsed' in answer;

function inLock(lock: string, to: Renumber): string {
  const life = /^worker (\d+)$/.exec(lock)?.[1];
  return life === undefined ? lock : workerLock(to(Number(life)));
}

function moved<T>(rows: readonly (T | null)[], to: Renumber): (T | null)[] {
  const next: (T | null)[] = [];
  rows.forEach((row, life) => {
    if (row === null) return;
    while (next.length < to(life)) next.push(null);
    next[to(life)] = row;
  });
  return next;
}
