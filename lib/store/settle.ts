import type { Dialect } from './dialect.js';
import { deleteRow, type WorkerIdentity, writeOwnRow } from './ledger.js';
import type { Holding } from './ledger.text.js';
import type { Again, Dead, Parked, Settlement, Succeeded } from './settlement.js';
import { inChunks, sql, type Statement } from './sql.js';
import { lockFreeTasks, type TaskState, whichExist } from './task.lock.js';
import { HAS_NOT_SUCCEEDED } from './task.row.js';
import type { Turn } from './turn.js';
import type { Work } from './work.js';

/** One statement writes so many rows at the most. */
const MOST_ROWS = 1_000;
/** One that deletes finds more. */
const MOST_DELETED = 10_000;

/** What became of settlements: all are written but those of these tasks. */
export interface Settled {
  /** There was nothing to change: a person or a repeated settling was first. */
  readonly overtaken: ReadonlySet<number>;
  /** Somebody has the row locked, so it was passed over: to be tried again. */
  readonly locked: ReadonlySet<number>;
}

/** What one settling carries. */
export interface Settling {
  readonly settlements: readonly Settlement[];
  /** Succeeded tasks are kept as such, not deleted. */
  readonly keepSucceeded: boolean;
  /** Nothing is known to be locked: {@link Dialect.deleteFree}. */
  readonly mayBet: boolean;
  /** The worker's row, knowing what was written. */
  readonly holding: (settled: Settled) => Holding;
}

/**
 * Everything that ended, and the worker's row, which is the fence: without it nothing of this is committed.
 *
 * @throws {LeaseLostError} the row is gone
 */
export function* settle(
  dialect: Dialect,
  worker: WorkerIdentity,
  turn: Turn,
  settling: Settling,
): Work<Settled> {
  const settled = yield* settleEach(dialect, settling);
  yield* writeOwnRow(dialect, worker, turn, () => settling.holding(settled));
  return settled;
}

/**
 * The last settling of a worker that stops: its row goes, and with it everything that it still held. Only what somebody has
 * locked stays in the row, to be tried again; or else it is charged when the lease has run out, so that no attempt is lost.
 */
export function* handBack(
  dialect: Dialect,
  worker: WorkerIdentity,
  turn: Turn,
  settling: Settling,
): Work<Settled> {
  const settled = yield* settle(dialect, worker, turn, settling);
  if (settled.locked.size === 0) yield* deleteRow(worker.id);
  return settled;
}

/**
 * Writes to the tasks' rows what still applies, without waiting for any that somebody has locked: `exec_times` goes from `before`
 * to `execTimes` once, however often the same settlement comes.
 */
export function* settleEach(
  dialect: Dialect,
  { settlements, keepSucceeded, mayBet }: Omit<Settling, 'holding'>,
): Work<Settled> {
  const sorted = [...settlements].sort((one, other) => one.id - other.id);
  const toDelete = keepSucceeded ? [] : sorted.filter(({ kind }) => kind === 'succeeded');
  const toWrite = keepSucceeded ? sorted : sorted.filter(({ kind }) => kind !== 'succeeded');
  const deleted = yield* deleteEach(dialect, toDelete, mayBet);
  if (toWrite.length === 0) return deleted;
  const written = yield* writeEach(dialect, toWrite);
  return {
    overtaken: new Set([...deleted.overtaken, ...written.overtaken]),
    locked: new Set([...deleted.locked, ...written.locked]),
  };
}

function* deleteEach(dialect: Dialect, succeeded: readonly Settlement[], mayBet: boolean): Work<Settled> {
  const ids = succeeded.map(({ id }) => id);
  const left: number[] = [];
  for (const some of inChunks(ids, MOST_DELETED)) {
    const deleted = yield* dialect.deleteFree(some, mayBet);
    if (deleted.length < some.length) left.push(...without(some, new Set(deleted)));
  }
  const locked = yield* whichExist(dialect, left, sql`AND ${HAS_NOT_SUCCEEDED}`);
  return { overtaken: new Set(without(left, locked)), locked };
}

const without = (ids: readonly number[], some: ReadonlySet<number>) => ids.filter((id) => !some.has(id));

/** Under a lock, which tells whether it still applies. */
function* writeEach(dialect: Dialect, settlements: readonly Settlement[]): Work<Settled> {
  const { own, strange } = yield* lockFreeTasks(
    dialect,
    settlements.map(({ id }) => id),
  );
  const due: Settlement[] = [];
  const overtaken = new Set<number>();
  for (const settlement of settlements)
    if (applies(settlement, own.get(settlement.id))) due.push(settlement);
    else if (!strange.has(settlement.id)) overtaken.add(settlement.id);
  const of = <K extends Settlement['kind']>(kind: K) =>
    due.filter((each): each is Extract<Settlement, { kind: K }> => each.kind === kind);
  for (const some of inChunks(of('succeeded'), MOST_ROWS)) yield succeed(dialect, some);
  for (const some of inChunks(of('again'), MOST_ROWS, size)) yield putOff(dialect, some);
  for (const some of inChunks(of('dead'), MOST_ROWS, size)) yield end(dialect, some);
  for (const some of inChunks(of('parked'), MOST_ROWS, size)) yield park(dialect, some);
  return { overtaken, locked: strange };
}

/** A success ends the task even if a person has discarded it meanwhile; everything else only what is still pending. */
function applies({ kind, before }: Settlement, state: TaskState | undefined): boolean {
  if (!state) return false;
  if (kind === 'succeeded') return state.status !== 'SUCCEEDED';
  // As texts: what somebody wrote there may be no number.
  return state.status === 'PENDING' && String(state.exec_times) === String(before);
}

const size = ({ errors }: Again | Dead | Parked) => errors?.length ?? 0;

const succeed = (dialect: Dialect, some: readonly Succeeded[]): Statement =>
  dialect.updateTasks(
    () => sql`exec_times = new_exec_times, next_exec_time = ${dialect.now}, dead_reason = NULL, dead_detail = NULL,
        dedupe_hash = NULL, status = 'SUCCEEDED'`,
    some.map(({ id, execTimes }) => ({ id, new_exec_times: execTimes })),
  );

function putOff(dialect: Dialect, some: readonly Again[]): Statement {
  const due = sql`${dialect.now} + new_delay`;
  const bounded = dialect.greatest(sql`COALESCE(expire_time, ${due})`, dialect.now);
  return dialect.updateTasks(
    (newErrors) =>
      sql`exec_times = new_exec_times, next_exec_time = ${dialect.least(due, bounded)}, errors = ${newErrors}`,
    some.map(({ id, execTimes, delay, errors }) => ({
      id,
      new_exec_times: execTimes,
      new_delay: delay,
      new_errors: errors,
    })),
  );
}

const end = (dialect: Dialect, some: readonly Dead[]): Statement =>
  dialect.updateTasks(
    (newErrors) => sql`
        exec_times = new_exec_times, dead_reason = new_dead_reason, dead_detail = new_dead_detail,
        next_exec_time = ${dialect.now}, dedupe_hash = NULL, status = 'DEAD', errors = ${newErrors}`,
    some.map(({ id, execTimes, reason, detail, errors }) => ({
      id,
      new_exec_times: execTimes,
      new_dead_reason: reason,
      new_dead_detail: detail,
      new_errors: errors,
    })),
  );

const park = (dialect: Dialect, some: readonly Parked[]): Statement =>
  dialect.updateTasks(
    (newErrors) => sql`status = 'PARKED', errors = ${newErrors}`,
    some.map(({ id, errors }) => ({ id, new_errors: errors })),
  );
