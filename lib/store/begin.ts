import type { Dialect } from './dialect.js';
import { type Holding, LeaseLostError, updateOwnRow, type WorkerIdentity } from './ledger.js';
import { sql } from './sql.js';
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
