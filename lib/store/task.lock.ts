import type { Dialect } from './dialect.js';
import { inChunks, nothing, sql, type Statement } from './sql.js';
import type { TaskRow } from './task.row.js';
import { rows, type Work } from './work.js';

/** What decides whether a task may still be written. */
export type TaskState = Pick<TaskRow, 'id' | 'status' | 'exec_times'>;

/** More than any index has, so that no database reads a whole index in place of the rows. */
const STATE_COLUMNS = sql`id, status, exec_times`;

export interface LockedTasks {
  /** Locked by this transaction, as they are now. */
  readonly own: ReadonlyMap<number, TaskState>;
  /** Locked by somebody else. */
  readonly strange: ReadonlySet<number>;
}

/** Locks tasks for this transaction without waiting for any: a stranger's lock must not hold the engine up. */
export function* lockFreeTasks(dialect: Dialect, ids: readonly number[]): Work<LockedTasks> {
  const own = new Map<number, TaskState>();
  for (const some of inChunks(ids, 1_000)) {
    for (const statement of dialect.lockFreeTasks(STATE_COLUMNS, some))
      for (const state of yield* rows<TaskState>(statement)) own.set(Number(state.id), state);
  }
  const missing = ids.filter((id) => !own.has(id));
  return { own, strange: yield* whichExist(dialect, missing) };
}

/** Which of these tasks are there, whoever has them. */
export function* whichExist(
  dialect: Dialect,
  ids: readonly number[],
  condition: Statement = nothing,
): Work<ReadonlySet<number>> {
  if (ids.length === 0) return new Set();
  const there = yield* rows<TaskState>(sql`
    SELECT ${STATE_COLUMNS} FROM tbl_redotask WHERE ${dialect.idIsAmong(ids)} ${condition}`);
  return new Set(there.map(({ id }) => Number(id)));
}
