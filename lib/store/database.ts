import type { QueryRunner } from 'typeorm';
import type { Dialect } from './dialect.js';
import { withoutValues } from './statement.error.js';
import { Turn } from './turn.js';
import { NO_ANSWER, type Work } from './work.js';

/** Injection token of the {@link Database} that the library works on. */
export const REDO_DATABASE = Symbol.for('nestjs-redo:database');

/** Injection token of the application's data source. */
export const REDO_DATA_SOURCE = Symbol.for('nestjs-redo:dataSource');

/** Where work is done: every statement of this library goes through here, or through the caller's own transaction. */
export interface Database {
  readonly dialect: Dialect;
  /** Name for messages, without credentials. */
  readonly name: string;
  /**
   * All of `work` in one READ COMMITTED transaction. It is rolled back when `work` throws; then the connection is back
   * in the pool, or closed when it is not known to be good. What the database rolled back itself (a deadlock) is tried again, and
   * what wants to be ({@link OnceMore}).
   *
   * @param work is told how often it was begun, from 1
   * @param within how long to wait for all of it once there is a connection, ms
   * @throws {DatabaseTimeoutError} it took longer, or no connection became free: it may have been committed or not
   */
  transaction<T>(work: (tries: number) => Work<T>, within?: number): Promise<T>;
  /** Statements each for itself, without a transaction around them: at most one of them writes. */
  autocommit<T>(work: () => Work<T>, within?: number): Promise<T>;
  /** Statements that only read, each for itself. */
  read<T>(work: () => Work<T>, within?: number): Promise<T>;
  /** Closes what this object opened; the application's data source is not its own. */
  close(): Promise<void>;
}

/** Does work on a TypeORM query runner, in whatever transaction it is in. */
export async function runOn<T>(dialect: Dialect, runner: QueryRunner, work: Work<T>): Promise<T> {
  let step = work.next();
  while (!step.done) {
    if (step.value instanceof Turn) {
      await step.value.come();
      step = work.next(NO_ANSWER);
      continue;
    }
    let result;
    try {
      const { text, values } = dialect.forDriver(step.value);
      result = await runner.query(text, [...values], true);
    } catch (error) {
      step = work.throw(withoutValues(error));
      continue;
    }
    step = work.next({
      rows: (result.records ?? []) as Record<string, unknown>[],
      affected: result.affected ?? 0,
      insertId: Number((result.raw as { insertId?: unknown } | undefined)?.insertId ?? result.raw),
    });
  }
  return step.value;
}
