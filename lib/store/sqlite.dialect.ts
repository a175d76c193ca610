import { type Dialect, driverError, INSERTED_COLUMNS, tried } from './dialect.js';
import { list, nothing, sql, type Statement } from './sql.js';
import { HAS_NOT_SUCCEEDED } from './task.row.js';
import { oneRow, rows } from './work.js';

/** SQLite 3.38 and later, through better-sqlite3 or a driver with its interface. */
export const sqliteDialect: Dialect = {
  name: 'sqlite',
  forDriver: (statement) => statement,
  now: sql`CAST(unixepoch('now', 'subsec') * 1000 AS INTEGER)`,
  autocommit: sql`1`,
  least: (one, other) => sql`MIN(${one}, ${other})`,
  greatest: (one, other) => sql`MAX(${one}, ${other})`,
  unionMember: (select) => sql`SELECT * FROM (${select})`,
  // A write takes the whole file's write lock; the transaction has it from its BEGIN IMMEDIATE on.
  lockRow: (resource) =>
    sql`UPDATE tbl_pessimistic_lock SET resource = resource WHERE resource = ${resource} RETURNING id`,
  createLockRow: (resource, description) =>
    sql`INSERT OR IGNORE INTO tbl_pessimistic_lock (resource, description) VALUES (${resource}, ${description})`,
  insertPause: (values) =>
    sql`INSERT OR IGNORE INTO tbl_redo_pause (application_name, redo_task_id, pause_time) VALUES (${values})`,
  forUpdateSkipLocked: nothing,
  forShare: nothing,
  // The driver reports the last id; there is one writer, and AUTOINCREMENT counts by one.
  insertTasks: function* (columns, source, count) {
    const answer = yield sql`INSERT INTO tbl_redotask (${columns}) ${source(sqliteDialect.now)}`;
    return Array.from({ length: count }, (_, index) => answer.insertId - count + 1 + index);
  },
  insertOne: (insertion) => oneRow(sql`${insertion(sqliteDialect.now)} RETURNING ${INSERTED_COLUMNS}`),
  insertAndMark: undefined,
  textTable: undefined,
  wantedTable: undefined,
  dueOrder: sql`next_exec_time, id`,
  isText: (column, text) => sql`${column} = ${text}`,
  idIsAmong: (ids) => sql`id IN (${list(ids)})`,
  dedupeHashIsAmong: (hashes) => sql`dedupe_hash IN (${list(hashes)})`,
  lockTasks: selectTasks,
  lockFreeTasks: (columns, ids) => [selectTasks(columns, ids)],
  deleteFree: function* (ids) {
    const deleted = yield* rows<{ id: number }>(sql`
      DELETE FROM tbl_redotask WHERE id IN (${list(ids)}) AND ${HAS_NOT_SUCCEEDED} RETURNING id`);
    return deleted.map(({ id }) => id);
  },
  deleteTasks: (ids) => sql`DELETE FROM tbl_redotask WHERE id IN (${list(ids)})`,
  updateTasks: (set, values) => sql`
    UPDATE tbl_redotask AS task
    SET ${set(sql`new_errors`)}
    FROM (SELECT value ->> 'id' AS wanted_id, value ->> 'new_exec_times' AS new_exec_times, value ->> 'new_delay' AS new_delay,
                 value ->> 'new_dead_reason' AS new_dead_reason, value ->> 'new_dead_detail' AS new_dead_detail,
                 value ->> 'new_errors' AS new_errors
          FROM json_each(${JSON.stringify(values)})) AS wanted
    WHERE task.id = wanted.wanted_id`,
  insertFree: function* (columns, values) {
    const created = yield* rows<{ id: number; dedupe_hash: string }>(sql`
      INSERT INTO tbl_redotask (${columns}) VALUES ${values}
      ON CONFLICT (dedupe_hash) DO NOTHING
      RETURNING id, dedupe_hash`);
    return new Map(created.map((row) => [row.dedupe_hash, row.id]));
  },
  unlessTaken: (statement) =>
    tried(statement, (error) => /^SQLITE_CONSTRAINT_UNIQUE/.test(driverError(error).code ?? '')),
  isMissingTable: (error) => /no such table/.test(driverError(error).message ?? ''),
  isRolledBack: (error) => /^SQLITE_(BUSY|LOCKED)/.test(driverError(error).code ?? ''),
  isRefused: (error) => /^SQLITE_/.test(driverError(error).code ?? ''),
};

function selectTasks(columns: Statement, ids: readonly number[]): Statement {
  return sql`SELECT ${columns} FROM tbl_redotask AS task WHERE id IN (${list(ids)}) ORDER BY id`;
}
