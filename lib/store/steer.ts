import type { Dialect } from './dialect.js';
import { dedupeHash } from './insert.js';
import { joined, list, sql } from './sql.js';
import { conditions, type TaskFilter } from './task.reader.js';
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
  readonly dedupe_key: string | null;
}

/** Dead and parked tasks as if just added, their errors kept; waiting ones are due now. */
export function* retryChunk(
  dialect: Dialect,
  applicationName: string,
  filter: TaskFilter,
  from: number,
): Work<Steered> {
  const finished = yield* pickChunk(applicationName, filter, from, ['PENDING', 'PARKED', 'DEAD']);
  const taken: { id: number; dedupeKey: string }[] = [];
  let changed = 0;
  const revivable: number[] = [];
  for (const { id, redo_task_id, dedupe_key } of finished) {
    if (dedupe_key === null) revivable.push(Number(id));
    else if (yield* takeKey(Number(id), dedupeHash(applicationName, redo_task_id, dedupe_key)))
      revivable.push(Number(id));
    else taken.push({ id: Number(id), dedupeKey: dedupe_key });
  }
  if (revivable.length > 0)
    changed = yield* affected(sql`
      UPDATE tbl_redotask
      SET exec_times = CASE WHEN status = 'PENDING' THEN exec_times ELSE 0 END,
          next_exec_time = ${dialect.now}, dead_reason = NULL, dead_detail = NULL, status = 'PENDING'
      WHERE id IN (${list(revivable)}) AND status IN ('PENDING', 'PARKED', 'DEAD')`);
  return { changed, next: nextOf(finished), taken };
}

/** Live tasks are dead from now on; a handler that is running just now may still finish. */
export function* discardChunk(
  dialect: Dialect,
  applicationName: string,
  filter: TaskFilter,
  reason: string,
  from: number,
): Work<Steered> {
  const live = yield* pickChunk(applicationName, filter, from, ['PENDING', 'PARKED']);
  if (live.length === 0) return { changed: 0, next: null, taken: [] };
  const changed = yield* affected(sql`
    UPDATE tbl_redotask
    SET status = 'DEAD', dead_reason = 'DISCARDED', dead_detail = ${reason},
        next_exec_time = ${dialect.now}, dedupe_hash = NULL
    WHERE id IN (${list(live.map(({ id }) => Number(id)))}) AND status IN ('PENDING', 'PARKED')`);
  return { changed, next: nextOf(live), taken: [] };
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

function* pickChunk(
  applicationName: string,
  filter: TaskFilter,
  from: number,
  statuses: readonly string[],
): Work<readonly Steerable[]> {
  if (filter.ids?.length === 0) return [];
  const where = [
    ...conditions(applicationName, filter),
    sql`status IN (${list(statuses)})`,
    sql`id >= ${from}`,
  ];
  return yield* rows<Steerable>(sql`
    SELECT id, redo_task_id, dedupe_key FROM tbl_redotask
    WHERE ${joined(where, ' AND ')}
    ORDER BY id
    LIMIT ${CHUNK}`);
}

/** A live task alone has its key. Taking it back fails where a later task has it. */
function* takeKey(id: number, hash: string): Work<boolean> {
  const [other] = yield* rows(sql`SELECT id FROM tbl_redotask WHERE dedupe_hash = ${hash} AND id <> ${id}`);
  if (other) return false;
  yield sql`UPDATE tbl_redotask SET dedupe_hash = ${hash} WHERE id = ${id}`;
  return true;
}

const nextOf = (chunk: readonly Steerable[]) =>
  chunk.length < CHUNK ? null : Number(chunk[chunk.length - 1]?.id) + 1;
