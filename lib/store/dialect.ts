import type { DataSource, QueryRunner } from 'typeorm';
import { MissingTablesError } from '../redo.errors.js';
import type { Place } from './place.js';
import { type Expression, sql, type Statement } from './sql.js';
import type { DeadReason } from './task.row.js';
import type { Work } from './work.js';

/** A statement as a driver takes it. */
export interface DriverStatement {
  readonly text: string;
  readonly values: readonly unknown[];
}

/** How many due tasks of a type are wanted, and after which place in the order in which they are claimed. */
export interface WantedOfType {
  readonly type: string;
  readonly most: number;
  readonly after: Place | undefined;
}

/** All that differs between databases. One object each; everything else in `store/` is the same SQL. */
export interface Dialect {
  readonly name: string;
  /** Every statement passes through here on its way to TypeORM. */
  forDriver(statement: Statement): DriverStatement;
  /** The database's clock: epoch milliseconds, the same for a whole statement. */
  readonly now: Statement;
  /** 1 where a statement outside of a transaction commits by itself. */
  readonly autocommit: Statement;
  /** The smaller, the larger of two expressions. */
  least(one: Expression, other: Expression): Statement;
  greatest(one: Expression, other: Expression): Statement;
  /** A member of a UNION ALL that has an ORDER BY and a LIMIT of its own. */
  unionMember(select: Statement): Statement;
  /** Locks the lock row for the transaction. No row: it does not exist, or somebody has it. Never waits. */
  lockRow(resource: string): Statement;
  /** Adds the lock row unless it is there. */
  createLockRow(resource: string, description: string): Statement;
  /** Adds a pause unless it is there. */
  insertPause(values: Statement): Statement;
  /** Locks the selected rows for the transaction, passing over those that somebody has. */
  readonly forUpdateSkipLocked: Statement;
  /** Reads the newest committed rows, whatever the snapshot of the caller's transaction, and keeps them as they are. */
  readonly forShare: Statement;
  /**
   * Inserts `count` task rows and gives their ids, in the order of the rows.
   *
   * @param source `VALUES …`, or a SELECT, of tasks that are added at that time
   */
  insertTasks(columns: Statement, source: (now: Expression) => Statement, count: number): Work<number[]>;
  /** Inserts one task row and tells what the database gave it, by a second statement where the first can't. */
  insertOne(insertion: Insertion): Work<InsertedRow>;
  /**
   * Inserts one task row and writes a worker's row, which is to name its id, by one statement that commits itself; undefined
   * where that takes several. It tells how many workers' rows it wrote, too.
   *
   * @param mark writes the worker's row, given what its `running` is to be
   * @param around what comes before and after the id there
   */
  readonly insertAndMark:
    | ((
        insertion: Insertion,
        mark: (running: Statement) => Statement,
        around: readonly [before: string, after: string],
      ) => Work<InsertedAndMarked>)
    | undefined;
  /** A table of texts, in their order, with one column of that name; undefined where a VALUES list is as fast. */
  readonly textTable: ((name: Statement, texts: readonly string[]) => Statement) | undefined;
  /**
   * A table `wanted` that a LATERAL subselect can refer to, columns `wanted_type`, `most`, `after_time`, `after_id`; undefined where
   * each type is asked for by a SELECT of its own.
   */
  readonly wantedTable: ((wanted: readonly WantedOfType[]) => Statement) | undefined;
  /** The order in which tasks are claimed, as the index of due tasks has it. */
  readonly dueOrder: Statement;
  /** Whether a column holds this text, letter by letter. */
  isText(column: Statement, text: string): Statement;
  /** Whether a task's id is one of these, each of which is looked up by itself. */
  idIsAmong(ids: readonly number[]): Statement;
  /** Whether a task's `dedupe_hash` is one of these, each of which is looked up by itself. */
  dedupeHashIsAmong(hashes: readonly string[]): Statement;
  /**
   * Locks task rows by their ids, in their order, each looked up by itself: a scan would meet strangers' rows. It reads them
   * as they are now, whatever the snapshot of the transaction.
   */
  lockTasks(columns: Statement, ids: readonly number[], how: TaskLock): Statement;
  /** Locks those of these task rows that nobody else has, reads them as they are now, and never waits. */
  lockFreeTasks(columns: Statement, ids: readonly number[]): readonly Statement[];
  /**
   * Deletes those of these task rows that nobody else has locked, but what has succeeded already, and never waits.
   *
   * @param mayBet a dialect may try as if it got all of them
   * @returns the ids of what it deleted
   * @throws {OnceMore} the bet is lost
   */
  deleteFree(ids: readonly number[], mayBet: boolean): Work<readonly number[]>;
  /** Deletes task rows that this transaction has locked. */
  deleteTasks(ids: readonly number[]): Statement;
  /**
   * Writes to each task row values of its own, which go to the database as one text; rows are looked up by their ids.
   *
   * @param set assigns columns; the values are columns too, named as in {@link NewValues}, but for the errors, which it is given
   */
  updateTasks(set: (newErrors: Statement) => Statement, values: readonly NewValues[]): Statement;
  /** Inserts rows whose `dedupe_hash` is free and passes over the others: hash → id of each row that it created. */
  insertFree(columns: Statement, values: Statement, hashes: readonly string[]): Work<Map<string, number>>;
  /** Does a statement that may meet a unique key which somebody has. `false`: it did, and nothing happened. */
  unlessTaken(statement: Statement): Work<boolean>;
  /** A table is missing. */
  isMissingTable(error: unknown): boolean;
  /** The statement did not happen and may be tried again: deadlock, lock time-out, a busy file. */
  isRolledBack(error: unknown): boolean;
  /** The server read the statement and refused it: it surely did not happen. Not so when the connection was lost. */
  isRefused(error: unknown): boolean;
}

/** The statement that inserts a task, at that time. */
export type Insertion = (now: Expression) => Statement;

/** What the database gives a task, as the driver tells it. */
export interface InsertedRow {
  readonly id: number | string;
  readonly add_time: number | string;
}

export interface InsertedAndMarked extends InsertedRow {
  readonly marked: number | string;
}

export const INSERTED_COLUMNS: Statement = sql`id, add_time`;

/** What one task row becomes. */
export interface NewValues {
  readonly id: number;
  readonly new_exec_times?: number;
  /** ms */
  readonly new_delay?: number;
  readonly new_dead_reason?: DeadReason;
  readonly new_dead_detail?: string | null;
  readonly new_errors?: string | null | undefined;
}

/** JSON within JSON takes long to read: errors go beside the other values. */
export const withoutErrors = (values: NewValues): NewValues => ({ ...values, new_errors: undefined });

/** What differs between servers beside their SQL: how their drivers and sessions are handled. */
export interface ServerDialect extends Dialect {
  /** Called before a connection is asked for: some pools need looking after. */
  watch(dataSource: DataSource): void;
  /**
   * Begins a READ COMMITTED transaction that the server ends by itself once it has heard nothing of its client for 15 s. One
   * statement follows another at once as long as the client lives; a host that vanishes would leave rows locked behind it, the
   * lock row among them, for hours.
   */
  begin(runner: QueryRunner): Promise<void>;
  /** Called when a transaction is over, before its connection goes back to the pool: the session is as it was before. */
  leave(runner: QueryRunner): void;
  /** Closes a driver's connection at once, also in the midst of a statement; its pool opens another one when it needs to. */
  close(connection: unknown): void;
}

/** `wait` for whoever has a row; or `share`: wait, and only keep others from changing it. */
export type TaskLock = 'wait' | 'share';

/** TypeORM wraps what the driver threw, and so does this library. */
export function driverError(error: unknown): { code?: string; errno?: number; message?: string } {
  if (error instanceof MissingTablesError) return driverError(error.cause);
  const wrapped = error as { driverError?: object } | null | undefined;
  return wrapped?.driverError ?? (error as object | null) ?? {};
}

/** @returns `false`: the statement failed in the expected way */
export function* tried(statement: Statement, isExpected: (error: unknown) => boolean): Work<boolean> {
  try {
    yield statement;
    return true;
  } catch (error) {
    if (isExpected(error)) return false;
    throw error;
  }
}
