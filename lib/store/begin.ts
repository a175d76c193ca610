import type { Dialect, InsertedRow } from './dialect.js';
import { type AddedTask, insertionOf, type NewTask } from './insert.js';
import { LeaseLostError, ownRowUpdate, updateOwnRow, type WorkerIdentity } from './ledger.js';
import type { Holding } from './ledger.text.js';
import { sql, type Statement } from './sql.js';
import { type ClaimedTask, decodeParams } from './task.row.js';
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

/** `marked` is missing where somebody has knocked or the worker's row is gone: the task is merely added. */
export interface AddedRunning {
  readonly added: AddedTask;
  readonly marked?: ClaimedTask;
}

/**
 * Adds a task and marks it as running by the same COMMIT: nobody else has seen it, so that it need not be claimed. Where the dialect
 * has no {@link Dialect.insertAndMark} this is to be done in a transaction.
 *
 * @param holding the worker's row without the task
 * @param knocks how often somebody had knocked when its type was not paused
 */
export function* addRunning(
  dialect: Dialect,
  worker: WorkerIdentity,
  turn: Turn,
  newTask: NewTask,
  holding: () => Holding,
  knocks: number,
): Work<AddedRunning> {
  const { redoTaskId } = newTask;
  const insertion = insertionOf(dialect, newTask);
  const nobodyHasKnocked = sql`AND knocks = ${knocks}`;
  if (dialect.insertAndMark) {
    yield turn;
    const own = holding();
    const mark = (running: Statement) =>
      ownRowUpdate(dialect, worker, turn, { held: own.held, running }, nobodyHasKnocked);
    const around = own.runningAround(redoTaskId, FIRST_ATTEMPT);
    const row = yield* dialect.insertAndMark(insertion, mark, around);
    return addedRunning(newTask, row, Number(row.marked) > 0);
  }
  const row = yield* dialect.insertOne(insertion);
  const withAdded = () => {
    const own = holding();
    own.run(redoTaskId, Number(row.id), FIRST_ATTEMPT);
    return own;
  };
  return addedRunning(newTask, row, yield* updateOwnRow(dialect, worker, turn, withAdded, nobodyHasKnocked));
}

const FIRST_ATTEMPT = 1;

/** All else of its row is as it was given: it need not be read. */
function addedRunning(newTask: NewTask, row: InsertedRow, isMarked: boolean): AddedRunning {
  const added = { id: Number(row.id), created: true };
  return isMarked ? { added, marked: claimedAs(newTask, added.id, Number(row.add_time)) } : { added };
}

const claimedAs = (
  { redoTaskId, reqParam, maxAttempts, tryForever, expiry }: NewTask,
  id: number,
  addTime: number,
): ClaimedTask => ({
  id,
  redoTaskId,
  params: decodeParams(reqParam),
  reqParam,
  execTimes: FIRST_ATTEMPT - 1,
  maxAttempts: tryForever ? null : maxAttempts,
  addTime,
  expireTime: expiry && ('at' in expiry ? expiry.at : addTime + expiry.in),
  errors: [],
});
