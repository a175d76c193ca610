import type { QueryRunner } from 'typeorm';
import { runOn } from './database.js';
import {
  driverError,
  INSERTED_COLUMNS,
  type InsertedRow,
  type ServerDialect,
  type TaskLock,
  tried,
  withoutErrors,
} from './dialect.js';
import { idIsAmong, inRunsOrLookedUp, isAmong, lookedUp } from './mysql.ids.js';
import { forMysql } from './mysql.text.js';
import { type Expression, list, literal, sql, type Statement } from './sql.js';
import { HAS_NOT_SUCCEEDED } from './task.row.js';
import { type Answer, OnceMore, oneRow, type Row, rows, type Work } from './work.js';

const NO_SUCH_TABLE = 1146;
const DUPLICATE = 1062;
/** Deadlock, lock wait time-out, snapshot too old (MariaDB), NOWAIT refused (MySQL). */
const ROLLED_BACK = new Set([1213, 1205, 1020, 3572]);

/** MySQL 8.0 and later, MariaDB 10.6 and later. */
export const mysqlDialect: ServerDialect = {
  name: 'mysql',
  forDriver: ({ text, values }) => ({ text, values: values.map(forMysql) }),
  // By way of UTC_TIMESTAMP: UNIX_TIMESTAMP(NOW()) is an hour off in the hour that a time zone repeats in autumn.
  now: sql`TIMESTAMPDIFF(MICROSECOND, '1970-01-01', UTC_TIMESTAMP(3)) DIV 1000`,
  autocommit: sql`@@autocommit`,
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
  insertTasks: function* (columns, source, count) {
    const { now, step } = count > 1 ? yield* ahead() : { now: mysqlDialect.now, step: 1 };
    const answer = yield sql`INSERT INTO tbl_redotask (${columns}) ${source(now)}`;
    return Array.from({ length: count }, (_, index) => answer.insertId + index * step);
  },
  insertOne: function* (insertion) {
    const { rows: returned, insertId } =
      yield sql`${insertion(mysqlDialect.now)} /*M! RETURNING ${INSERTED_COLUMNS} */`;
    const [row] = returned as readonly unknown[] as readonly InsertedRow[];
    return row ?? (yield* oneRow(sql`SELECT ${INSERTED_COLUMNS} FROM tbl_redotask WHERE id = ${insertId}`));
  },
  insertAndMark: undefined,
  textTable: undefined,
  wantedTable: undefined,
  dueOrder: sql`next_exec_time, id`,
  // Blanks at the end don't count in a comparison: rows of another type would take the places of this one's.
  isText: (column, text) => sql`${column} = ${text} AND LENGTH(${column}) = LENGTH(${text})`,
  idIsAmong,
  dedupeHashIsAmong: (hashes) => isAmong(sql`dedupe_hash`, hashes),
  lockTasks: (columns, ids, how) => sql`
    SELECT ${columns} FROM ${lookedUp(ids)} ${TASK_LOCKS[how]}`,
  lockFreeTasks: (columns, ids) => inRunsOrLookedUp(ids).map((tasks) => lockFree(columns, tasks)),
  deleteFree,
  deleteTasks,
  // JSON_TABLE takes longer over long texts than the rows to write.
  updateTasks: (set, values) => sql`
    UPDATE JSON_TABLE(${JSON.stringify(values.map(withoutErrors))}, '$[*]' COLUMNS (
             place FOR ORDINALITY,
             wanted_id BIGINT PATH '$.id',
             new_exec_times BIGINT PATH '$.new_exec_times',
             new_delay BIGINT PATH '$.new_delay',
             new_dead_reason TEXT PATH '$.new_dead_reason',
             new_dead_detail TEXT PATH '$.new_dead_detail')) AS wanted
           STRAIGHT_JOIN tbl_redotask AS task FORCE INDEX (PRIMARY) ON task.id = wanted.wanted_id
    SET ${set(sql`ELT(place, ${list(values.map(({ new_errors }) => new_errors ?? null))})`)}`,
  insertFree: function* (columns, values, hashes) {
    const answer: Answer = yield sql`INSERT IGNORE INTO tbl_redotask (${columns}) VALUES ${values}`;
    if (answer.affected === 0) return new Map<string, number>();
    // Ids that others took before this statement are lower than its first, those taken later higher than its last. Read
    // under a lock: the caller's snapshot may still show a finished task that had the key.
    const created = yield* rows<{ id: number | string; dedupe_hash: string }>(sql`
      SELECT id, dedupe_hash FROM tbl_redotask
      WHERE ${isAmong(sql`dedupe_hash`, hashes)} AND id >= ${answer.insertId}
      ORDER BY id
      LIMIT ${answer.affected}
      LOCK IN SHARE MODE`);
    return new Map(created.map((row) => [row.dedupe_hash, Number(row.id)]));
  },
  unlessTaken: (statement) => tried(statement, (error) => driverError(error).errno === DUPLICATE),
  isMissingTable: (error) => driverError(error).errno === NO_SUCH_TABLE,
  isRolledBack: (error) => ROLLED_BACK.has(driverError(error).errno ?? 0),
  isRefused: (error) => typeof (driverError(error) as { sqlState?: string }).sqlState === 'string',
  watch: () => {},
  begin: async (runner) => {
    await runOn(mysqlDialect, runner, settings());
    // TypeORM would set its own default over ours.
    const isElse = runner.dataSource.options.isolationLevel !== undefined;
    await runner.startTransaction(isElse ? 'READ COMMITTED' : undefined);
    begun.add(runner);
  },
  leave: (runner) => {
    // Nobody waits for it: what comes next on this connection comes after it.
    if (begun.delete(runner)) runOn(mysqlDialect, runner, formerSettings()).catch(() => {});
  },
  close: (connection) => (connection as { destroy(): void }).destroy(),
};

/**
 * A DELETE passes over nothing. MariaDB's can be told not to wait: so it is sent at once, and all is done again if somebody had one of
 * the rows or one was gone. MySQL's can't: there the rows are locked first.
 */
function* deleteFree(ids: readonly number[], mayBet: boolean): Work<readonly number[]> {
  const locked: Row[] = [];
  let deleted = 0;
  for (const tasks of inRunsOrLookedUp(ids)) {
    const answer = yield mayBet
      ? deleteOrLock(tasks)
      : lockFree(sql`id`, sql`${tasks} AND ${HAS_NOT_SUCCEEDED}`);
    locked.push(...answer.rows);
    deleted += answer.affected;
  }
  if (deleted === ids.length) return ids;
  if (deleted > 0) throw new OnceMore();
  const own = locked.map(({ id }) => Number(id));
  if (own.length > 0) yield deleteTasks(own);
  return own;
}

const deleteOrLock = (tasks: Statement): Statement => sql`
  /*!80000 SELECT id */ /*M! SET STATEMENT innodb_lock_wait_timeout = 0 FOR DELETE task */
  FROM ${tasks} AND ${HAS_NOT_SUCCEEDED} /*!80000 FOR UPDATE OF task SKIP LOCKED */`;

const lockFree = (columns: Statement, tasks: Statement): Statement =>
  sql`SELECT ${columns} FROM ${tasks} FOR UPDATE /*!80000 OF task */ SKIP LOCKED`;

function deleteTasks(ids: readonly number[]): Statement {
  return sql`DELETE task FROM ${lookedUp(ids)}`;
}

const begun = new WeakSet<QueryRunner>();

/**
 * The isolation level is the next transaction's alone, as in SET TRANSACTION. How long a client may be silent is the session's:
 * MySQL has only `wait_timeout` for it, which counts outside of transactions too.
 */
function* settings(): Work<void> {
  yield sql`
    /*!80000 SET @redo_silence = @@SESSION.wait_timeout, SESSION wait_timeout = 15,
                 @@transaction_isolation = 'READ-COMMITTED' */
    /*M! SET @redo_silence = @@SESSION.idle_transaction_timeout, SESSION idle_transaction_timeout = 15,
             @@tx_isolation = 'READ-COMMITTED' */`;
}

function* formerSettings(): Work<void> {
  yield sql`
    /*!80000 SET SESSION wait_timeout = @redo_silence */
    /*M! SET SESSION idle_transaction_timeout = @redo_silence */`;
}

/** MySQL can't lock a list and must be told what to lock; MariaDB, which passes over `/*!80000`, has no OF. */
const TASK_LOCKS: Readonly<Record<TaskLock, Statement>> = {
  wait: sql`FOR UPDATE /*!80000 OF task */`,
  share: sql`/*!80000 FOR SHARE OF task */ /*M! LOCK IN SHARE MODE */`,
};

/**
 * What an INSERT of many rows is to know: the time, which the server would take longer to work out for each of them than to write it,
 * and how far their ids are apart (2 or more where several servers write).
 */
function* ahead(): Work<{ now: Expression; step: number }> {
  const [row] = yield* rows<{ step: number | string; now: number | string }>(
    sql`SELECT @@auto_increment_increment AS step, ${mysqlDialect.now} AS now`,
  );
  return { now: literal(Number(row?.now)), step: Number(row?.step) };
}
