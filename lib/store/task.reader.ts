import type { Dialect } from './dialect.js';
import { decodeHandlers, decodeHeld, decodeRunning, type HeldIds, type RunningIds } from './ledger.text.js';
import { joined, sql, type Statement } from './sql.js';
import { type DeadReason, TASK_COLUMNS, type TaskRow, type TaskStatus } from './task.row.js';
import { rows, type Work } from './work.js';

/** Which tasks of this application. Every condition that is given must hold. */
export interface TaskFilter {
  readonly ids?: readonly number[];
  readonly redoTaskId?: string;
  readonly status?: TaskStatus;
  readonly deadReason?: DeadReason;
  readonly dedupeKey?: string;
}

/** How many, and from which id on downwards. */
export interface Page {
  readonly limit: number;
  /** Only ids below this one. */
  readonly before?: number;
}

/** A row of `tbl_redo_worker`, decoded; times in epoch ms. */
export interface WorkerRecord {
  readonly id: string;
  readonly host: string;
  readonly pid: number;
  readonly startTime: number;
  readonly leaseUntil: number;
  /** Judged by the database's clock. */
  readonly alive: boolean;
  readonly handlers: readonly string[];
  readonly held: HeldIds;
  readonly running: RunningIds;
}

export interface TypeCount {
  readonly redoTaskId: string;
  readonly status: TaskStatus;
  readonly count: number;
  /** Of PENDING tasks: how many are due, and since when the oldest is (epoch ms). */
  readonly due: number;
  readonly oldestDue: number | null;
}

export function* readTasks(
  dialect: Dialect,
  applicationName: string,
  filter: TaskFilter,
  page: Page,
): Work<readonly TaskRow[]> {
  if (filter.ids?.length === 0) return [];
  const below = page.before === undefined ? [] : [sql`id < ${page.before}`];
  return yield* rows<TaskRow>(sql`
    SELECT ${TASK_COLUMNS} FROM tbl_redotask
    WHERE ${joined([...conditions(dialect, applicationName, filter), ...below], ' AND ')}
    ORDER BY id DESC
    LIMIT ${page.limit}`);
}

export function* countTasks(dialect: Dialect, applicationName: string, filter: TaskFilter): Work<number> {
  if (filter.ids?.length === 0) return 0;
  const [row] = yield* rows<{ count: number | string }>(sql`
    SELECT COUNT(*) AS count FROM tbl_redotask
    WHERE ${joined(conditions(dialect, applicationName, filter), ' AND ')}`);
  return Number(row?.count);
}

/** Reads the index of due tasks alone, never the rows. */
export function* countByType(dialect: Dialect, applicationName: string): Work<TypeCount[]> {
  const found = yield* rows<{
    redo_task_id: string;
    status: TaskStatus;
    count: number | string;
    due: number | string | null;
    oldest_due: number | string | null;
  }>(sql`
    SELECT redo_task_id, status, COUNT(*) AS count,
           SUM(CASE WHEN status = 'PENDING' AND next_exec_time <= ${dialect.now} THEN 1 ELSE 0 END) AS due,
           MIN(CASE WHEN status = 'PENDING' AND next_exec_time <= ${dialect.now} THEN next_exec_time END) AS oldest_due
    FROM tbl_redotask
    WHERE application_name = ${applicationName}
    GROUP BY status, redo_task_id`);
  return found.map((row) => ({
    redoTaskId: row.redo_task_id,
    status: row.status,
    count: Number(row.count),
    due: Number(row.due ?? 0),
    oldestDue: row.oldest_due === null ? null : Number(row.oldest_due),
  }));
}

export function* readWorkers(dialect: Dialect, applicationName: string): Work<WorkerRecord[]> {
  const found = yield* rows<{
    id: string;
    host: string;
    pid: number;
    start_time: number | string;
    lease_until: number | string;
    now: number | string;
    handlers: string;
    held: string;
    running: string;
  }>(sql`
    SELECT id, host, pid, start_time, lease_until, ${dialect.now} AS now, handlers, held, running
    FROM tbl_redo_worker
    WHERE application_name = ${applicationName}
    ORDER BY start_time, id`);
  return found.map((row) => ({
    id: row.id,
    host: row.host,
    pid: row.pid,
    startTime: Number(row.start_time),
    leaseUntil: Number(row.lease_until),
    alive: Number(row.lease_until) >= Number(row.now),
    handlers: decodeHandlers(row.handlers),
    held: decodeHeld(row.held),
    running: decodeRunning(row.running),
  }));
}

export function* readPaused(applicationName: string): Work<string[]> {
  const found = yield* rows<{ redo_task_id: string }>(sql`
    SELECT redo_task_id FROM tbl_redo_pause WHERE application_name = ${applicationName} ORDER BY redo_task_id`);
  return found.map((row) => row.redo_task_id);
}

export function conditions(dialect: Dialect, applicationName: string, filter: TaskFilter): Statement[] {
  const where = [sql`application_name = ${applicationName}`];
  if (filter.ids) where.push(dialect.idIsAmong(filter.ids));
  if (filter.redoTaskId !== undefined) where.push(dialect.isText(sql`redo_task_id`, filter.redoTaskId));
  if (filter.status !== undefined) where.push(sql`status = ${filter.status}`);
  if (filter.deadReason !== undefined) where.push(sql`dead_reason = ${filter.deadReason}`);
  if (filter.dedupeKey !== undefined) where.push(dialect.isText(sql`dedupe_key`, filter.dedupeKey));
  return where;
}
