import type { DataSource, QueryRunner } from 'typeorm';
import { DatabaseTimeoutError } from '../redo.errors.js';
import { noAnswer, noConnectionFree } from '../redo.messages.js';
import { type Database, runOn } from './database.js';
import type { Dialect } from './dialect.js';
import type { Work } from './work.js';

/** A database server, through the application's data source and its pool. At most one connection a call. */
export class ServerDatabase implements Database {
  readonly name: string;

  /** @param patience how long to wait for a free connection, and for all of one call's answers, ms */
  constructor(
    private readonly dataSource: DataSource,
    readonly dialect: Dialect,
    private readonly patience: number,
  ) {
    this.name = `${dataSource.options.type} database '${String(dataSource.options.database)}'`;
  }

  transaction<T>(work: () => Work<T>): Promise<T> {
    return this.withRunner(async (runner) => {
      await runner.startTransaction('READ COMMITTED');
      const result = await runOn(runner, work());
      await runner.commitTransaction();
      return result;
    });
  }

  read<T>(work: () => Work<T>): Promise<T> {
    return this.withRunner((runner) => runOn(runner, work()));
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  private async withRunner<T>(use: (runner: QueryRunner) => Promise<T>): Promise<T> {
    const runner = this.dataSource.createQueryRunner('master');
    await this.connect(runner);
    try {
      return await this.inTime(use(runner));
    } catch (error) {
      await this.backToCleanState(runner, error);
      throw error;
    } finally {
      await runner.release();
    }
  }

  private async connect(runner: QueryRunner): Promise<void> {
    const connecting = runner.connect() as Promise<unknown>;
    try {
      await before(this.patience, connecting, noConnectionFree(this.patience));
    } catch (error) {
      const giveBack = () => runner.release();
      connecting.then(giveBack, giveBack);
      throw error;
    }
  }

  private inTime<T>(answer: Promise<T>): Promise<T> {
    return before(this.patience, answer, noAnswer(this.patience));
  }

  /** A connection goes back to the pool only when it has surely left its transaction. */
  private async backToCleanState(runner: QueryRunner, error: unknown): Promise<void> {
    if (!(error instanceof DatabaseTimeoutError)) {
      if (!runner.isTransactionActive) return;
      try {
        await this.inTime(runner.rollbackTransaction());
        return;
      } catch {
        // The connection is broken: the server rolls back by itself.
      }
    }
    const connection = (await runner.connect()) as { destroy?: () => void };
    connection.destroy?.();
  }
}

async function before<T>(ms: number, promise: Promise<T>, message: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new DatabaseTimeoutError(message)), ms);
  });
  promise.catch(() => undefined);
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
