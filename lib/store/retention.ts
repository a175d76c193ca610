import type { Dialect } from './dialect.js';
import { list, sql } from './sql.js';
import { affected, rows, type Work } from './work.js';

/** Rows deleted in one transaction: few enough that nobody waits for them. */
const CHUNK = 500;

/**
 * Deletes one chunk of finished tasks that were kept long enough; a finished task's `next_exec_time` is when it ended.
 *
 * @returns how many; 0: none is left
 */
export function* deleteOld(
  dialect: Dialect,
  applicationName: string,
  status: 'DEAD' | 'SUCCEEDED',
  keptFor: number,
): Work<number> {
  const types = yield* rows<{ redo_task_id: string }>(sql`
    SELECT DISTINCT redo_task_id FROM tbl_redotask
    WHERE application_name = ${applicationName} AND status = ${status}`);
  for (const { redo_task_id } of types) {
    const old = yield* rows<{ id: number | string }>(sql`
      SELECT id FROM tbl_redotask
      WHERE application_name = ${applicationName} AND status = ${status} AND redo_task_id = ${redo_task_id}
        AND next_exec_time <= ${dialect.now} - ${keptFor}
      ORDER BY next_exec_time, id
      LIMIT ${CHUNK}`);
    if (old.length > 0)
      return yield* affected(sql`
        DELETE FROM tbl_redotask
        WHERE id IN (${list(old.map(({ id }) => Number(id)))}) AND status = ${status}`);
  }
  return 0;
}
