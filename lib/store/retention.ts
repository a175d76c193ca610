import type { Dialect } from './dialect.js';
import { sql } from './sql.js';
import { lockFreeTasks } from './task.lock.js';
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
  const nextType = (after: string) =>
    rows<{ redo_task_id: string }>(sql`
      SELECT redo_task_id FROM tbl_redotask
      WHERE application_name = ${applicationName} AND status = ${status} AND redo_task_id > ${after}
      ORDER BY redo_task_id
      LIMIT 1`);
  // From type to type by the index: DISTINCT would read all of them each time.
  for (let [type] = yield* nextType(''); type; [type] = yield* nextType(type.redo_task_id)) {
    const old = yield* rows<{ id: number | string }>(sql`
      SELECT id FROM tbl_redotask
      WHERE application_name = ${applicationName} AND status = ${status} AND redo_task_id = ${type.redo_task_id}
        AND next_exec_time <= ${dialect.now} - ${keptFor}
      ORDER BY next_exec_time
      LIMIT ${CHUNK}`);
    const { own } = yield* lockFreeTasks(
      dialect,
      old.map(({ id }) => Number(id)),
    );
    const ids = [...own.values()].filter((task) => task.status === status).map(({ id }) => Number(id));
    if (ids.length > 0) return yield* affected(dialect.deleteTasks(ids));
  }
  return 0;
}
