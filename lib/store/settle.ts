import type { Dialect } from './dialect.js';
import { deleteRow, type Holding, type WorkerIdentity, writeOwnRow } from './ledger.js';
import type { Again, Dead, Parked, Settlement, Succeeded } from './settlement.js';
import { byId, inChunks, list, sql } from './sql.js';
import type { Work } from './work.js';

/** An UPDATE that holds another value for each row looks through all of them for each: short chunks keep that cheap. */
const CHUNK = 100;

/**
 * One flush: the worker's row first (the fence; it also carries the next starts), then everything that ended.
 *
 * @throws {LeaseLostError} nothing is written then
 */
export function* flush(
  dialect: Dialect,
  worker: WorkerIdentity,
  holding: Holding,
  settlements: readonly Settlement[],
  keepSucceeded: boolean,
): Work<void> {
  yield* writeOwnRow(dialect, worker, holding);
  yield* settleEach(dialect, settlements, keepSucceeded);
}

/** The last flush of a worker that stops: its row goes, and with it everything that it still held. */
export function* handBack(
  dialect: Dialect,
  worker: WorkerIdentity,
  settlements: readonly Settlement[],
  keepSucceeded: boolean,
): Work<void> {
  yield* flush(dialect, worker, { held: {}, running: {} }, settlements, keepSucceeded);
  yield* deleteRow(worker.id);
}

/** Rows are written in the order of their ids, by primary key: two writers meet in the same order and can't deadlock. */
export function* settleEach(
  dialect: Dialect,
  settlements: readonly Settlement[],
  keepSucceeded = false,
): Work<void> {
  const sorted = [...settlements].sort((one, other) => one.id - other.id);
  const of = <K extends Settlement['kind']>(kind: K) =>
    sorted.filter((each): each is Extract<Settlement, { kind: K }> => each.kind === kind);
  for (const some of inChunks(of('succeeded'), 1_000))
    if (keepSucceeded) yield* markSucceeded(dialect, some);
    else yield* deleteSucceeded(some);
  for (const some of inChunks(of('again'), CHUNK)) yield* putOff(dialect, some);
  for (const some of inChunks(of('dead'), CHUNK)) yield* end(dialect, some);
  for (const some of inChunks(of('parked'), CHUNK)) yield* park(some);
}

const ids = (settlements: readonly Settlement[]) => list(settlements.map(({ id }) => id));

function* deleteSucceeded(some: readonly Succeeded[]): Work<void> {
  yield sql`DELETE FROM tbl_redotask WHERE id IN (${ids(some)})`;
}

function* markSucceeded(dialect: Dialect, some: readonly Succeeded[]): Work<void> {
  yield sql`
    UPDATE tbl_redotask
    SET exec_times = ${byId(some, ({ execTimes }) => execTimes)},
        next_exec_time = ${dialect.now}, dead_reason = NULL, dead_detail = NULL, dedupe_hash = NULL, status = 'SUCCEEDED'
    WHERE id IN (${ids(some)}) AND status <> 'SUCCEEDED'`;
}

function* putOff(dialect: Dialect, some: readonly Again[]): Work<void> {
  const due = sql`${dialect.now} + ${byId(some, ({ delay }) => delay)}`;
  yield sql`
    UPDATE tbl_redotask
    SET exec_times = ${byId(some, ({ execTimes }) => execTimes)},
        next_exec_time = ${dialect.least(due, dialect.greatest(sql`COALESCE(expire_time, ${due})`, dialect.now))},
        errors = ${byId(some, ({ errors }) => errors)}
    WHERE id IN (${ids(some)}) AND status = 'PENDING' AND exec_times = ${byId(some, ({ before }) => before)}`;
}

function* end(dialect: Dialect, some: readonly Dead[]): Work<void> {
  yield sql`
    UPDATE tbl_redotask
    SET exec_times = ${byId(some, ({ execTimes }) => execTimes)},
        dead_reason = ${byId(some, ({ reason }) => reason)},
        dead_detail = ${byId(some, ({ detail }) => detail)},
        next_exec_time = ${dialect.now}, dedupe_hash = NULL, status = 'DEAD',
        errors = ${byId(some, ({ errors }) => errors)}
    WHERE id IN (${ids(some)}) AND status = 'PENDING' AND exec_times = ${byId(some, ({ before }) => before)}`;
}

function* park(some: readonly Parked[]): Work<void> {
  yield sql`
    UPDATE tbl_redotask
    SET status = 'PARKED', errors = ${byId(some, ({ errors }) => errors)}
    WHERE id IN (${ids(some)}) AND status = 'PENDING' AND exec_times = ${byId(some, ({ before }) => before)}`;
}
