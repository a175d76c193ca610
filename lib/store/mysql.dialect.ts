import { type Dialect, driverError } from './dialect.js';
import { list, sql } from './sql.js';
import { type Answer, rows, type Work } from './work.js';

const NO_SUCH_TABLE = 1146;
/** Deadlock, lock wait time-out, snapshot too old (MariaDB), NOWAIT refused (MySQL). */
const ROLLED_BACK = new Set([1213, 1205, 1020, 3572]);

/** MySQL 8.0 and later, MariaDB 10.6 and later. */
export const mysqlDialect: Dialect = {
  name: 'mysql',
  // By way of UTC_TIMESTAMP: UNIX_TIMESTAMP(NOW()) is an hour off in the hour that a time zone repeats in autumn.
  now: sql`TIMESTAMPDIFF(MICROSECOND, '1970-01-01', UTC_TIMESTAMP(3)) DIV 1000`,
  least: (one, other) => sql`LEAST(${one}, ${other})`,
  greatest: (one, other) => sql`GREATEST(${one}, ${other})`,
  unionMember: (select) => sql`(${select})`,
  lockRow: (resource) =>
    sql`SELECT id FROM tbl_pessimistic_lock WHERE resource = ${resource} FOR UPDATE SKIP LOCKED`,
  createLockRow: (resource, description) =>
    sql`INSERT IGNORE INTO tbl_pessimistic_lock (resource, description) VALUES (${resource}, ${description})`,
  insertPause: (values) =>
    sql`INSERT IGNORE INTO tbl_redo_pause (application_name, redo_task_id, pause_time) VALUES (${values})`,
  forUpdateSkipLocked: sql`FOR UPDATE SKIP LOCKED`,
  forShare: sql`LOCK IN SHARE MODE`,
  insertedIds: function* (answer, count) {
    const step = count > 1 ? yield* autoIncrementStep() : 1;
    return Array.from({ length: count }, (_, index) => answer.insertId + index * step);
  },
  insertFree: function* (columns, values, hashes) {
    const answer: Answer = yield sql`INSERT IGNORE INTO tbl_redotask (${columns}) VALUES ${values}`;
    if (answer.affected === 0) return new Map<string, number>();
    // The statement took its ids in one stretch, beginning with insertId: that tells its rows from those that were there.
    // Read under a lock: the caller's snapshot may still show a finished task that had the key.
    const step = yield* autoIncrementStep();
    const end = answer.insertId + hashes.length * step;
    const created = yield* rows<{ id: number | string; dedupe_hash: string }>(sql`
      SELECT id, dedupe_hash FROM tbl_redotask
      WHERE dedupe_hash IN (${list(hashes)}) AND id >= ${answer.insertId} AND id < ${end}
      LOCK IN SHARE MODE`);
    return new Map(created.map((row) => [row.dedupe_hash, Number(row.id)]));
  },
  isMissingTable: (error) => driverError(error).errno === NO_SUCH_TABLE,
  isRolledBack: (error) => ROLLED_BACK.has(driverError(error).errno ?? 0),
  isRefused: (error) => typeof (driverError(error) as { sqlState?: string }).sqlState === 'string',
};

/** Ids of one INSERT are this far apart (2 or more where several servers write). */
function* autoIncrementStep(): Work<number> {
  const [row] = yield* rows<{ step: number | string }>(sql`SELECT @@auto_increment_increment AS step`);
  return Number(row?.step ?? 1);
}
