import { setTimeout as delay } from 'node:timers/promises';
import { DataSource, type DataSourceOptions } from 'typeorm';
import { DatabaseTimeoutError } from '../redo.errors.js';
import { stillLocked } from '../redo.messages.js';
import type { Database } from './database.js';
import type { Statement } from './sql.js';
import { sqliteDialect } from './sqlite.dialect.js';
import { Turn } from './turn.js';
import { type Answer, NO_ANSWER, type Row, type Work } from './work.js';

/** The part of better-sqlite3's interface that is needed here. */
interface SqliteHandle {
  readonly inTransaction: boolean;
  prepare(text: string): SqliteStatement;
  exec(text: string): void;
}

interface SqliteStatement {
  readonly reader: boolean;
  all(values: readonly unknown[]): Row[];
  run(values: readonly unknown[]): { changes: number; lastInsertRowid: number | bigint };
}

/**
 * SQLite. A call does all its statements in one turn of the event loop, so that the application's own statements, which
 * block the loop while they wait for the file, never wait for a transaction of ours. What finds the file locked is tried
 * again later, without blocking.
 *
 * A database in a file gets a connection of our own; one in memory has only the application's connection, and a call waits
 * until no transaction is open there.
 */
export class SqliteDatabase implements Database {
  readonly dialect = sqliteDialect;
  readonly name: string;
  private own: DataSource | undefined;
  private opening: Promise<SqliteHandle> | undefined;
  private readonly statements = new Map<string, SqliteStatement>();

  /** @param patience how long to wait for a locked file, ms */
  constructor(
    private readonly application: DataSource,
    private readonly patience: number,
  ) {
    this.name = `SQLite database '${String(application.options.database)}'`;
  }

  transaction<T>(work: (tries: number) => Work<T>, within = this.patience): Promise<T> {
    return this.whenFree(within, (handle) => {
      handle.exec('BEGIN IMMEDIATE');
      try {
        const result = this.do(handle, work(1));
        handle.exec('COMMIT');
        return result;
      } catch (error) {
        if (handle.inTransaction) handle.exec('ROLLBACK');
        throw error;
      }
    });
  }

  /** In a transaction: a write that finds the file locked must find it so at its BEGIN, where nothing is half done. */
  autocommit<T>(work: () => Work<T>, within = this.patience): Promise<T> {
    return this.transaction(work, within);
  }

  read<T>(work: () => Work<T>, within = this.patience): Promise<T> {
    return this.whenFree(within, (handle) => this.do(handle, work()));
  }

  async close(): Promise<void> {
    await this.opening?.catch(() => undefined);
    this.opening = undefined;
    this.statements.clear();
    if (this.own?.isInitialized) await this.own.destroy();
    this.own = undefined;
  }

  private async whenFree<T>(within: number, use: (handle: SqliteHandle) => T): Promise<T> {
    const giveUpAt = performance.now() + within;
    for (let wait = 1; ; wait = Math.min(2 * wait, 50)) {
      try {
        const handle = await this.handle();
        if (!handle.inTransaction) return use(handle);
      } catch (error) {
        if (!(error instanceof TurnNotFree) && !this.dialect.isRolledBack(error)) throw error;
      }
      if (performance.now() >= giveUpAt) throw new DatabaseTimeoutError(stillLocked(within));
      await delay(wait * (0.5 + Math.random()));
    }
  }

  private do<T>(handle: SqliteHandle, work: Work<T>): T {
    let step = work.next();
    while (!step.done) {
      let answer: Answer;
      try {
        answer = step.value instanceof Turn ? taken(step.value) : this.ask(handle, step.value);
      } catch (error) {
        step = work.throw(error);
        continue;
      }
      step = work.next(answer);
    }
    return step.value;
  }

  private ask(handle: SqliteHandle, { text, values }: Statement): Answer {
    const statement = this.prepared(handle, text);
    if (statement.reader) {
      const rows = statement.all(values);
      return { rows, affected: rows.length, insertId: NaN };
    }
    const { changes, lastInsertRowid } = statement.run(values);
    return { rows: [], affected: changes, insertId: Number(lastInsertRowid) };
  }

  private prepared(handle: SqliteHandle, text: string): SqliteStatement {
    const known = this.statements.get(text);
    if (known) return known;
    if (this.statements.size >= 100) this.statements.clear();
    const statement = handle.prepare(text);
    this.statements.set(text, statement);
    return statement;
  }

  private handle(): Promise<SqliteHandle> {
    this.opening ??= this.open().catch((error: unknown) => {
      this.opening = undefined;
      throw error;
    });
    return this.opening;
  }

  private async open(): Promise<SqliteHandle> {
    if (isInMemory(this.application)) return handleOf(this.application);
    this.own = new DataSource({
      ...this.application.options,
      name: 'nestjs-redo',
      entities: [],
      subscribers: [],
      migrations: [],
      synchronize: false,
      migrationsRun: false,
      dropSchema: false,
      cache: false,
      timeout: 0,
      enableWAL: true,
    } as unknown as DataSourceOptions);
    await this.own.initialize();
    return handleOf(this.own);
  }
}

/** All in one turn of the event loop, so there is no waiting for it here: it is tried again from the beginning. */
class TurnNotFree extends Error {}

function taken(turn: Turn): Answer {
  if (!turn.takeIfFree()) throw new TurnNotFree();
  return NO_ANSWER;
}

const isInMemory = ({ options }: DataSource) => /^$|:memory:|mode=memory/.test(String(options.database));

const handleOf = (dataSource: DataSource) =>
  (dataSource.driver as unknown as { databaseConnection: SqliteHandle }).databaseConnection;
