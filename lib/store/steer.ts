import type { Dialect } from './dialect.js';
import { dedupeHash } from './insert.js';
import { joined, list, sql } from './sql.js';
import { conditions, type TaskFilter } from './task.reader.js';
import type { TaskStatus } from './task.row.js';
import { affected, rows, type Work } from './work.js';

/** A person's commands. Long ones go in chunks, lowest id first, each a short transaction of its own. */
const CHUNK = 500;

/** One chunk of such a command. */
export interface Steered {
  /** How many tasks it changed. */
  readonly changed: number;
  /** Where the next chunk begins; `null`: that was the last. */
  readonly next: number | null;
  /** Tasks that could not be retried, since another live task has their `dedupeKey`. */
  readonly taken: readonly { readonly id: number; readonly dedupeKey: string }[];
}

interface Steerable {
  readonly id: number | string;
  readonly redo_task_id: string;
  readonly status: TaskStatus;
  readonly dedupe_key: string | null;
}

const LIVE: readonly TaskStatus[] = ['PENDING', 'PARKED'];
const REVIVABLE: readonly TaskStatus[] = [...LIVE, 'DEAD'];

/**
 * Dead and parked tasks as if just added, their errors kept; waiting ones are due now. Where the expiry has passed, the task
 * is given the time again that it once had, and counts as added now.
 */
export function* retryChunk(
  dialect: Dialect,
  applicationName: string,
  filter: TaskFilter,
  from: number,
): Work<Steered> {
  const { tasks, next } = yield* lockChunk(dialect, applicationName, filter, from, REVIVABLE);
  const taken: { id: number; dedupeKey: string }[] = [];
  const revivable: number[] = [];
  for (const { id, redo_task_id, dedupe_key } of tasks) {
    if (dedupe_key === null) revivable.push(Number(id));
    else if (yield* takeKey(dialect, Number(id), dedupeHash(applicationName, redo_task_id, dedupe_key)))
      revivable.push(Number(id));
    else taken.push({ id: Number(id), dedupeKey: dedupe_key });
  }
  if (revivable.length > 0) {
    yield sql`
      UPDATE tbl_redotask
      SET expire_time = CASE WHEN 0 < add_time AND add_time < expire_time THEN ${dialect.now} + (expire_time - add_time) END,
          add_time = ${dialect.now}
      WHERE id IN (${list(revivable)}) AND status <> 'PENDING' AND expire_time <= ${dialect.now}`;
    yield sql`
      UPDATE tbl_redotask
      SET exec_times = CASE WHEN status = 'PENDING' THEN exec_times ELSE 0 END,
          next_exec_time = ${dialect.now}, dead_reason = NULL, dead_detail = NULL, status = 'PENDING'
      WHERE id IN (${list(revivable)})`;
  }
  return { changed: revivable.length, next, taken };
}

/** Live tasks are dead from now on; a handler that is running just now may still finish. */
export function* discardChunk(
  dialect: Dialect,
  applicationName: string,
  filter: TaskFilter,
  reason: string,
  from: number,
): Work<Steered> {
  const { tasks, next } = yield* lockChunk(dialect, applicationName, filter, from, LIVE);
  if (tasks.length > 0)
    yield sql`
      UPDATE tbl_redotask
      SET status = 'DEAD', dead_reason = 'DISCARDED', dead_detail = ${reason},
          next_exec_time = ${dialect.now}, dedupe_hash = NULL
      WHERE id IN (${list(tasks.map(({ id }) => Number(id)))})`;
  return { changed: tasks.length, next, taken: [] };
}

export function* pause(dialect: Dialect, applicationName: string, redoTaskId: string): Work<boolean> {
  return (yield* affected(dialect.insertPause(sql`${applicationName}, ${redoTaskId}, ${dialect.now}`))) > 0;
}

export function* resume(applicationName: string, redoTaskId: string): Work<boolean> {
  return (
    (yield* affected(sql`
      DELETE FROM tbl_redo_pause WHERE application_name = ${applicationName} AND redo_task_id = ${redoTaskId}`)) >
    0
  );
}

/** The next tasks of this kind, locked in the order of their ids; who settles one just now is waited for. */
function* lockChunk(
  dialect: Dialect,
  applicationName: string,
  filter: TaskFilter,
  from: number,
  statuses: readonly TaskStatus[],
): Work<{ tasks: readonly Steerable[]; next: number | null }> {
  const named = filter.ids && nextOf(filter.ids, from);
  if (named?.length === 0) return { tasks: [], next: null };
  const where = [
    ...conditions(dialect, applicationName, { ...filter, ids: named }),
    sql`status IN (${list(statuses)})`,
    sql`id >= ${from}`,
  ];
  const found = yield* rows<Pick<Steerable, 'id'>>(sql`
    SELECT id FROM tbl_redotask WHERE ${joined(where, ' AND ')} ORDER BY id LIMIT ${CHUNK}`);
  const ids = found.map(({ id }) => Number(id));
  const covered = named ?? ids;
  const next = covered.length < CHUNK ? null : Math.max(...covered) + 1;
  if (ids.length === 0) return { tasks: [], next };
  const locked = yield* rows<Steerable>(
    dialect.lockTasks(sql`id, redo_task_id, status, dedupe_key`, ids, 'wait'),
  );
  return {
    tasks: locked.filter(({ status }) => statuses.includes(status)),
    next,
  };
}

const nextOf = (ids: readonly number[], from: number) =>
  [...new Set(ids)]
    .filter((id) => id >= from)
    .sort((one, other) => one - other)
    .slice(0, CHUNK);

/** A live task alone has its key: taking it back fails where a later task has it, also one that comes just now. */
function* takeKey(dialect: Dialect, id: number, hash: string): Work<boolean> {
  const [other] = yield* rows(sql`SELECT id FROM tbl_redotask WHERE dedupe_hash = ${hash} AND id <> ${id}`);
  if (other) return false;
  return yield* dialect.unlessTaken(sql`UPDATE tbl_redotask SET dedupe_hash = ${hash} WHERE id = ${id}`);
}
