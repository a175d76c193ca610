import { Violation } from './audit.js';
import type { AddCall, BeginCall, WorkerCall } from './calls.js';
import type { Setting } from './session.js';
import {
  type Held,
  type Lane,
  type Running,
  type State,
  type TaskId,
  type Tx,
  unregistered,
  withItem,
  withTx,
  type Worker,
  withWorker,
} from './state.js';
import { named, type Read } from './statements.js';
import { opened } from './transaction.js';
import type { Claimed } from './transactions/claim.js';
import type { ReadAgain } from './transactions/ledger.js';
import type { Settled } from './transactions/settle.js';

/** What the worker makes of an answer. */
export function answered(setting: Setting, before: State, index: number, lane: Lane, tx: Tx): State {
  const state = withTx(before, index, lane, null);
  const { result, lease } = tx;
  const call = tx.call as WorkerCall;
  const worker = state.workers[index]!;
  const renewed = { ...worker, lease };
  if (call.kind === 'register') return withWorker(state, index, { ...renewed, life: call.life });
  // Its life was over before.
  if (call.life !== worker.life) return state;
  const has = [...worker.has];
  switch (call.kind) {
    case 'begin':
      if (result === false)
        return withTx(
          state,
          index,
          lane,
          opened({ kind: 'readAgain', life: call.life, held: heldOf(worker) }),
        );
      return began(setting, withWorker(state, index, renewed), index, call);
    case 'add':
      return result === false ? state : began(setting, withWorker(state, index, renewed), index, call);
    case 'readAgain':
      for (const task of call.held) if (has[task]?.as === 'held') has[task] = held(result as ReadAgain, task);
      return withWorker(state, index, { ...worker, has, paused: pausedBy(result as ReadAgain) });
    case 'claim': {
      const found = result as Claimed | null;
      if (found === null) return state;
      const { taken, knocks } = found;
      for (const task of taken) has[task] = { as: 'claimed' };
      const isOld = setting.rules.newestPauseCounts && worker.paused !== null && knocks < worker.paused;
      const paused = isOld ? worker.paused : pausedBy(found);
      const claimed = withWorker(state, index, { ...renewed, has, paused });
      if (taken.length === 0) return claimed;
      const reading = opened({ kind: 'readClaimed', life: call.life, claimed: taken, knocks });
      return withTx(claimed, index, lane, reading);
    }
    case 'readClaimed': {
      const read = result as Read;
      // Whoever has paused the type since the look has knocked since.
      const knocks = setting.rules.knocksOfTheLook ? Math.min(read.knocks, call.knocks) : read.knocks;
      for (const task of call.claimed) has[task] = held({ ...read, knocks }, task);
      return withWorker(state, index, { ...worker, has });
    }
    case 'settle': {
      const { locked, kept } = result as Settled;
      const left = call.settlements.map(({ task }) => task).filter((task) => !locked.includes(task));
      const row = state.rows[call.life];
      for (const { task, execTimes } of call.settlements)
        if (kept.includes(task)) {
          const was = (has[task] as Running).was!;
          const knocks = setting.rules.keptAsRead || !row ? was.knocks : row.knocks;
          has[task] = { ...was, execTimes, knocks };
        } else if (left.includes(task)) has[task] = null;
      const runs = row?.runs.map((run, task) => (left.includes(task) ? '' : run));
      const rows = row && runs ? withItem(state.rows, call.life, { ...row, runs }) : state.rows;
      return withWorker({ ...state, rows }, index, { ...renewed, has });
    }
    case 'handBack': {
      const locked = result as readonly TaskId[];
      if (locked.length === 0) return withWorker(state, index, unregistered(has.length));
      const unsettled = has.map((own, task) => (locked.includes(task) ? own : null));
      return withWorker(state, index, { ...worker, has: unsettled, phase: 'failed to hand back' });
    }
    case 'renew':
      return withWorker(state, index, renewed);
  }
}

const heldOf = ({ has }: Worker): TaskId[] => [...has.keys()].filter((task) => has[task]?.as === 'held');

const pausedBy = ({ paused, knocks }: Pick<ReadAgain, 'paused' | 'knocks'>) => (paused ? knocks : null);

function held({ pending, knocks }: Read, id: TaskId): Held | null {
  const found = pending.find(({ task }) => task === id);
  return found ? { as: 'held', execTimes: found.execTimes, knocks, unknown: [], forbidden: false } : null;
}

/** `begin` of lib/redrive/starter.ts, once it is told that the tasks are marked. */
function began(setting: Setting, state: State, index: number, call: BeginCall | AddCall): State {
  const { rules } = setting;
  if (!rules.markedFirst || (state.workers[index]!.lease === 'out' && rules.ownLeaseJudged)) return state;
  return run(setting, state, index, call);
}

/** `run` of lib/redrive/starter.ts. */
export function run(
  { size }: Setting,
  state: State,
  index: number,
  { life, starts }: BeginCall | AddCall,
): State {
  const worker = state.workers[index]!;
  const row = state.rows[life];
  const has = [...worker.has];
  const runs = [...(row?.runs ?? [])];
  for (const { task, execTimes } of starts) {
    if (!row || row.lapsed)
      throw new Violation(
        `worker ${index} begins ${named([task])}, though ${row ? 'its lease has run out' : 'it was taken for dead'}`,
      );
    const own = has[task];
    runs[task] = own?.as === 'held' && own.unknown.includes('retry') ? 'revived' : 'begun';
    const mayBeKept = size.keeps && own?.as === 'held';
    has[task] = { as: 'running', execTimes, outcome: '', ...(mayBeKept ? { was: own } : {}) };
  }
  const rows = row ? withItem(state.rows, life, { ...row, runs }) : state.rows;
  return withWorker({ ...state, rows }, index, { ...worker, has });
}
