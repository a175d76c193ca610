import type { Dialect } from './dialect.js';
import { decodeHeld, decodeRunning, type HeldIds, type Holding, type RunningIds } from './ledger.text.js';
import { encodeReached, type Reached } from './reached.js';
import { type Expression, nothing, sql, type Statement } from './sql.js';
import type { Turn } from './turn.js';
import { affected, rows, type Work } from './work.js';

/** One running instance: what its row of `tbl_redo_worker` says for as long as it lives. */
export interface WorkerIdentity {
  /** A new one for every life: a worker that lost its lease starts afresh under another id. */
  readonly id: string;
  readonly applicationName: string;
  readonly host: string;
  readonly pid: number;
  /** The task types it can run by now. */
  readonly handlers: () => readonly string[];
  /** ms */
  readonly lease: number;
}

/**
 * A worker as the others see it, with what it has of the backlog: a task's own row says nothing of that. Why that holds together
 * is checked in `test/model`.
 */
export interface LedgerEntry {
  readonly id: string;
  readonly host: string;
  readonly pid: number;
  /** ms until its lease runs out; below 0: it has. */
  readonly leaseLeft: number;
  readonly held: HeldIds;
  readonly running: RunningIds;
}

/** This worker's row is gone: somebody took it for dead, and what it still wants to write must not be written. */
export class LeaseLostError extends Error {
  override readonly name = 'LeaseLostError';
}

export function* register(dialect: Dialect, worker: WorkerIdentity): Work<void> {
  const { id, applicationName, host, pid, handlers, lease } = worker;
  yield sql`
    INSERT INTO tbl_redo_worker (id, application_name, host, pid, start_time, lease_until, handlers, held, running)
    VALUES (${id}, ${applicationName}, ${host}, ${pid}, ${dialect.now}, ${dialect.now} + ${lease},
            ${JSON.stringify(handlers())}, '{}', '{}')`;
}

/**
 * Writes a worker's whole row and renews its lease: the fence that every write of a worker goes through.
 *
 * @param holding worked out when its turn has come
 * @param reached how far claims have come; else it stays as it is
 * @throws {LeaseLostError} the row is gone
 */
export function* writeOwnRow(
  dialect: Dialect,
  worker: WorkerIdentity,
  turn: Turn,
  holding: () => Holding,
  reached?: Reached,
): Work<void> {
  const told = reached ? sql`, reached = ${encodeReached(reached)}` : nothing;
  if (!(yield* updateOwnRow(dialect, worker, turn, holding, nothing, told))) throw new LeaseLostError();
}

/**
 * A write without a transaction holds no lock while it is on its way: one that was given up may arrive after later ones, and
 * would undo them. It is known by its turn, and finds nothing.
 *
 * @returns whether its row is there, and `condition` holds of it
 */
export function* updateOwnRow(
  dialect: Dialect,
  worker: WorkerIdentity,
  turn: Turn,
  holding: () => Holding,
  condition: Statement = nothing,
  told: Statement = nothing,
): Work<boolean> {
  yield turn;
  return (yield* affected(ownRowUpdate(dialect, worker, turn, holding(), condition, told))) > 0;
}

/** The statement that writes it, when its turn has come. */
export const ownRowUpdate = (
  dialect: Dialect,
  worker: WorkerIdentity,
  turn: Turn,
  { held, running }: { readonly held: string; readonly running: Expression },
  condition: Statement = nothing,
  told: Statement = nothing,
): Statement => sql`
    UPDATE tbl_redo_worker
    SET held = ${held}, running = ${running},
        handlers = ${JSON.stringify(worker.handlers())}, lease_until = ${dialect.now} + ${worker.lease},
        writes = ${turn.number} ${told}
    WHERE id = ${worker.id} AND writes <= ${turn.number} ${condition}`;

export function* deleteRow(workerId: string): Work<void> {
  yield sql`DELETE FROM tbl_redo_worker WHERE id = ${workerId}`;
}

/**
 * Locks a worker's row if its lease has run out. Judged under the lock: a reading without it may be one renewal old.
 * Undefined: it lives, or it is renewing just now, or somebody else has reaped it.
 */
export function* lockLapsed(dialect: Dialect, workerId: string): Work<LedgerEntry | undefined> {
  const [row] = yield* rows<WorkerRow & { now: number | string }>(sql`
    SELECT id, host, pid, held, running, lease_until, ${dialect.now} AS now
    FROM tbl_redo_worker
    WHERE id = ${workerId} AND lease_until < ${dialect.now}
    ${dialect.forUpdateSkipLocked}`);
  return row && entryOf(row, Number(row.now));
}

interface WorkerRow {
  readonly id: string;
  readonly host: string | null;
  readonly pid: number | string;
  readonly lease_until: number | string;
  readonly held: string | null;
  readonly running: string | null;
}

/** Not subtracted by the database: what somebody wrote there by hand may be out of its range. */
const entryOf = (row: WorkerRow, now: number): LedgerEntry => ({
  id: row.id,
  host: row.host ?? '',
  pid: Number(row.pid),
  leaseLeft: Number(row.lease_until) - now,
  held: decodeHeld(row.held),
  running: decodeRunning(row.running),
});
