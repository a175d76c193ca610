import { runOn } from './database.js';
import {
  driverError,
  INSERTED_COLUMNS,
  type ServerDialect,
  type TaskLock,
  tried,
  type WantedOfType,
  withoutErrors,
} from './dialect.js';
import { listenToConnections } from './postgres.pool.js';
import { sql, type Statement } from './sql.js';
import { HAS_NOT_SUCCEEDED } from './task.row.js';
import { oneRow, rows, type Work } from './work.js';

const UNDEFINED_TABLE = '42P01';
const UNIQUE_VIOLATION = '23505';
/** Deadlock, serialization failure, lock not available, cancelled (a time-out of the server's, or a person). */
const ROLLED_BACK = new Set(['40P01', '40001', '55P03', '57014']);
/** Connection exceptions, a server that shuts down or has crashed, a session that was idle in its transaction for too long. */
const CONNECTION_LOST = /^(08|57P|25P03)/;

/** PostgreSQL 13 and later, through `pg`. */
export const postgresDialect: ServerDialect = {
  name: 'postgres',
  forDriver: ({ numberedText, values }) => ({ text: numberedText, values }),
  // The statement's own time: now() is the transaction's, which may have begun long ago in the caller's hands, and
  // clock_timestamp() moves while a statement runs, so that no range of an index could end at it.
  now: sql`CAST(FLOOR(EXTRACT(EPOCH FROM statement_timestamp()) * 1000) AS BIGINT)`,
  autocommit: sql`1`,
  least: (one, other) => sql`LEAST(${one}, ${other})`,
  greatest: (one, other) => sql`GREATEST(${one}, ${other})`,
  unionMember: (select) => sql`(${select})`,
  lockRow: (resource) =>
    sql`SELECT id FROM tbl_pessimistic_lock WHERE resource = ${resource} FOR UPDATE SKIP LOCKED`,
  createLockRow: (resource, description) => sql`
    INSERT INTO tbl_pessimistic_lock (resource, description) VALUES (${resource}, ${description})
    ON CONFLICT (resource) DO NOTHING`,
  insertPause: (values) => sql`
    INSERT INTO tbl_redo_pause (application_name, redo_task_id, pause_time) VALUES (${values})
    ON CONFLICT (application_name, redo_task_id) DO NOTHING`,
  forUpdateSkipLocked: sql`FOR UPDATE SKIP LOCKED`,
  forShare: sql`FOR SHARE`,
  // The rows of one INSERT get their ids in order; nothing says that RETURNING keeps to it.
  insertTasks: function* (columns, source) {
    // By way of a subselect it is worked out once, and not for each row.
    const now = sql`(SELECT ${postgresDialect.now})`;
    const created = yield* rows<{ id: number | string }>(
      sql`INSERT INTO tbl_redotask (${columns}) ${source(now)} RETURNING id`,
    );
    return created.map(({ id }) => Number(id)).sort((one, other) => one - other);
  },
  insertOne: (insertion) => oneRow(sql`${insertion(postgresDialect.now)} RETURNING ${INSERTED_COLUMNS}`),
  insertAndMark: (insertion, mark, [before, after]) => {
    const running = sql`CONCAT(CAST(${before} AS TEXT), (SELECT id FROM added), CAST(${after} AS TEXT))`;
    return oneRow(sql`
      WITH added AS (${insertion(postgresDialect.now)} RETURNING ${INSERTED_COLUMNS}),
           marked AS (${mark(running)} RETURNING id)
      SELECT added.*, (SELECT COUNT(*) FROM marked) AS marked FROM added`);
  },
  // Thousands of parameters take longer to read than the rows to write.
  textTable: (name, texts) =>
    sql`json_array_elements_text(CAST(${JSON.stringify(texts)} AS JSON)) AS given (${name})`,
  wantedTable: (wanted) => sql`
      json_to_recordset(CAST(${JSON.stringify(wanted.map(rowOfWanted))} AS JSON)) AS wanted (
        wanted_type TEXT, most BIGINT, after_time BIGINT, after_id BIGINT)`,
  // As the migration's index has it, which says why.
  dueOrder: sql`next_exec_time, id + 0`,
  isText: (column, text) => sql`${column} = ${text}`,
  idIsAmong: (ids) => sql`id = ${anyOf(ids, 'ids')}`,
  dedupeHashIsAmong: (hashes) => sql`dedupe_hash = ${anyOf(hashes, 'texts')}`,
  lockTasks: (columns, ids, how) => sql`
    SELECT ${columns} FROM tbl_redotask AS task WHERE id = ${anyOf(ids, 'ids')} ORDER BY id ${TASK_LOCKS[how]}`,
  lockFreeTasks: (columns, ids) => [
    sql`SELECT ${columns} FROM tbl_redotask AS task WHERE id = ${anyOf(ids, 'ids')} ORDER BY id FOR UPDATE SKIP LOCKED`,
  ],
  deleteFree: function* (ids) {
    const deleted = yield* rows<{ id: number | string }>(sql`
      DELETE FROM tbl_redotask
      WHERE id = ANY (ARRAY(SELECT id FROM tbl_redotask AS task
                              WHERE id = ${anyOf(ids, 'ids')} AND ${HAS_NOT_SUCCEEDED} ORDER BY id FOR UPDATE SKIP LOCKED))
      RETURNING id`);
    return deleted.map(({ id }) => Number(id));
  },
  deleteTasks: (ids) => sql`DELETE FROM tbl_redotask WHERE id = ${anyOf(ids, 'ids')}`,
  // By the join alone PostgreSQL would read the whole of a table of some thousand rows.
  updateTasks: (set, values) => sql`
    UPDATE tbl_redotask AS task
    SET ${set(sql`new_errors`)}
    FROM ROWS FROM (
           json_to_recordset(CAST(${JSON.stringify(values.map(withoutErrors))} AS JSON)) AS (
             id BIGINT, new_exec_times BIGINT, new_delay BIGINT, new_dead_reason TEXT, new_dead_detail TEXT),
           json_array_elements_text(CAST(${JSON.stringify(values.map(({ new_errors }) => new_errors ?? null))} AS JSON))
         ) AS wanted (id, new_exec_times, new_delay, new_dead_reason, new_dead_detail, new_errors)
    WHERE task.id = wanted.id AND task.id = ${anyOf(
      values.map(({ id }) => id),
      'ids',
    )}`,
  insertFree: function* (columns, values) {
    const created = yield* rows<{ id: number | string; dedupe_hash: string }>(sql`
      INSERT INTO tbl_redotask (${columns}) VALUES ${values}
      ON CONFLICT (dedupe_hash) WHERE dedupe_hash IS NOT NULL DO NOTHING
      RETURNING id, dedupe_hash`);
    return new Map(created.map((row) => [row.dedupe_hash, Number(row.id)]));
  },
  // A statement that fails takes its whole transaction with it, but for what was before a savepoint.
  unlessTaken: function* (statement): Work<boolean> {
    yield sql`SAVEPOINT redo_unless_taken`;
    const done = yield* tried(statement, (error) => driverError(error).code === UNIQUE_VIOLATION);
    if (!done) yield sql`ROLLBACK TO SAVEPOINT redo_unless_taken`;
    yield sql`RELEASE SAVEPOINT redo_unless_taken`;
    return done;
  },
  isMissingTable: (error) => driverError(error).code === UNDEFINED_TABLE,
  isRolledBack: (error) => ROLLED_BACK.has(driverError(error).code ?? ''),
  isRefused: (error) => {
    const { code = '', severity } = driverError(error) as { code?: string; severity?: string };
    return severity !== undefined && !CONNECTION_LOST.test(code);
  },
  watch: listenToConnections,
  begin: async (runner) => {
    await runner.startTransaction();
    await runOn(postgresDialect, runner, settings());
  },
  leave: () => {},
  close: (connection) => void (connection as { end(): Promise<void> }).end(),
};

const rowOfWanted = ({ type, most, after }: WantedOfType) => ({
  wanted_type: type,
  most,
  after_time: after?.dueTime ?? LOWEST,
  after_id: after?.id ?? LOWEST,
});

/** Of a BIGINT: in a column that somebody wrote by hand there may be anything. */
const LOWEST = '-9223372036854775808';

/** Both are the transaction's alone. */
function* settings(): Work<void> {
  yield sql`
    SET TRANSACTION ISOLATION LEVEL READ COMMITTED;
    SET LOCAL idle_in_transaction_session_timeout = '15s'`;
}

const TASK_LOCKS: Readonly<Record<TaskLock, Statement>> = {
  wait: sql`FOR UPDATE`,
  share: sql`FOR SHARE`,
};

/**
 * One parameter for any number of values. By way of a subselect PostgreSQL counts on ten of them and looks each up. From a list
 * that it can see it would rather read the whole table, as long as nobody has taken statistics of that.
 */
const anyOf = (values: readonly (number | string)[], type: 'ids' | 'texts'): Statement =>
  sql`ANY (ARRAY(SELECT unnest(CAST(${`{${values.join(',')}}`} AS ${ARRAY_TYPES[type]}))))`;

const ARRAY_TYPES = { ids: sql`BIGINT[]`, texts: sql`TEXT[]` };
