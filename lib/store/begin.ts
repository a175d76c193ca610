import type { Dialect } from './dialect.js';
import { type AddedTask, insertAndRead, type NewTask } from './insert.js';
import { LeaseLostError, updateOwnRow, type WorkerIdentity } from './ledger.js';
import type { Holding } from './ledger.text.js';
import { sql } from './sql.js';
import { CLAIMED_COLUMNS, type ClaimedRow, type ClaimedTask, decodeTask } from './task.row.js';
import type { Turn } from './turn.js';
import { rows, type Work } from './work.js';

/**
 * Marks tasks as running: one write, of the worker's own row. Only when it is known to have happened may handlers begin.
 *
 * @param knocks how often somebody had knocked when the tasks were read
 * @returns `false`: somebody has knocked since; nothing was written
 * @throws {LeaseLostError} the row is gone
 */
export function* begin(
  dialect: Dialect,
  worker: WorkerIdentity,
  turn: Turn,
  holding: () => Holding,
  knocks: number,
): Work<boolean> {
  if (yield* updateOwnRow(dialect, worker, turn, holding, sql`AND knocks = ${knocks}`)) return true;
  const [row] = yield* rows(sql`SELECT id FROM tbl_redo_worker WHERE id = ${worker.id}`);
  if (!row) throw new LeaseLostError();
  return false;
}

/**
 * Adds a task and marks it as running in the same transaction: nobody else has seen it, so that it need not be claimed.
 *
 * @param holding the worker's row with the task
 * @returns `marked` is missing where the type is paused or the worker's row is gone: the task is merely added
 */
export function* addRunning(
  dialect: Dialect,
  worker: WorkerIdentity,
  turn: Turn,
  newTask: NewTask,
  holding: (task: ClaimedTask) => Holding,
): Work<{ added: AddedTask; marked?: ClaimedTask }> {
  const row = yield* insertAndRead(dialect, newTask, CLAIMED_COLUMNS);
  const { task } = decodeTask(row as unknown as ClaimedRow);
  const added = { id: task.id, created: true };
  const isNotPaused = sql`
    AND NOT EXISTS (SELECT 1 FROM tbl_redo_pause
                    WHERE application_name = ${newTask.applicationName} AND redo_task_id = ${newTask.redoTaskId})`;
  const isMarked = yield* updateOwnRow(dialect, worker, turn, () => holding(task), isNotPaused);
  return isMarked ? { added, marked: task } : { added };
}
