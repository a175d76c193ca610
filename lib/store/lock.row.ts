import type { Dialect } from './dialect.js';
import { sql } from './sql.js';
import { rows, type Work } from './work.js';

/** Creates the application's lock row when it is missing: at the first start, or when somebody deleted it. */
export function* ensureLockRow(dialect: Dialect, resource: string): Work<void> {
  const [row] = yield* rows(sql`SELECT id FROM tbl_pessimistic_lock WHERE resource = ${resource}`);
  if (!row) yield dialect.createLockRow(resource, 'nestjs-redo: one instance claims at a time');
}

/** Whether statements outside of a transaction commit by themselves. */
export function* autocommits(dialect: Dialect): Work<boolean> {
  const [row] = yield* rows<{ autocommit: number | string }>(sql`SELECT ${dialect.autocommit} AS autocommit`);
  return Number(row?.autocommit) === 1;
}

/** Reads nothing, from every table that is needed. */
export function* checkTables(): Work<void> {
  yield sql`SELECT id, next_exec_time, dedupe_hash FROM tbl_redotask WHERE id = 0`;
  yield sql`SELECT id FROM tbl_pessimistic_lock WHERE id = 0`;
  yield sql`SELECT id FROM tbl_redo_worker WHERE id = ''`;
  yield sql`SELECT redo_task_id FROM tbl_redo_pause WHERE application_name = ''`;
}
