import { setTimeout as delay } from 'node:timers/promises';
import { type DataSource, QueryFailedError, type QueryRunner } from 'typeorm';
import { DatabaseTimeoutError } from '../redo.errors.js';
import { noAnswer, noConnectionFree } from '../redo.messages.js';
import { type Database, runOn } from './database.js';
import type { ServerDialect } from './dialect.js';
import { OnceMore, type Work } from './work.js';

/** Nobody waits longer for an answer, ms. */
const LONGEST_ANSWER = 300_000;
/** How often work is tried that the server rolled back by itself, and ms between two tries. */
const TRIES = 5;
const BETWEEN_TRIES = 10;

/** A database server, through the application's data source and its pool. At most one connection a call. */
export class ServerDatabase implements Database {
  readonly name: string;

  /** @param patience how long to wait for a free connection, ms */
  constructor(
    private readonly dataSource: DataSource,
    readonly dialect: ServerDialect,
    private readonly patience: number,
  ) {
    // Of the driver: the options may name it in their URL alone.
    this.name = `${dataSource.options.type} database '${dataSource.driver.database ?? ''}'`;
  }

  transaction<T>(work: (tries: number) => Work<T>, within = LONGEST_ANSWER): Promise<T> {
    return this.untilKept(async (runner, tries) => {
      await this.dialect.begin(runner);
      const result = await runOn(this.dialect, runner, work(tries));
      await runner.commitTransaction();
      return result;
    }, within);
  }

  autocommit<T>(work: () => Work<T>, within = LONGEST_ANSWER): Promise<T> {
    return this.untilKept((runner) => runOn(this.dialect, runner, work()), within);
  }

  read<T>(work: () => Work<T>, within = LONGEST_ANSWER): Promise<T> {
    return this.withRunner((runner) => runOn(this.dialect, runner, work()), within);
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  /** What the server rolled back by itself is tried again. */
  private async untilKept<T>(
    once: (runner: QueryRunner, tries: number) => Promise<T>,
    within: number,
  ): Promise<T> {
    for (let tries = 1; ; tries += 1) {
      try {
        return await this.withRunner((runner) => once(runner, tries), within);
      } catch (error) {
        if (error instanceof OnceMore && tries < TRIES) continue;
        if (tries >= TRIES || !this.dialect.isRolledBack(error)) throw error;
        await delay(BETWEEN_TRIES * tries * (0.5 + Math.random()));
      }
    }
  }

  private async withRunner<T>(use: (runner: QueryRunner) => Promise<T>, within: number): Promise<T> {
    this.dialect.watch(this.dataSource);
    const runner = this.dataSource.createQueryRunner('master');
    await this.connect(runner);
    try {
      return await before(within, use(runner), noAnswer);
    } catch (error) {
      await this.backToCleanState(runner, error, within);
      throw error;
    } finally {
      this.dialect.leave(runner);
      await runner.release();
    }
  }

  private async connect(runner: QueryRunner): Promise<void> {
    const connecting = runner.connect() as Promise<unknown>;
    try {
      await before(this.patience, connecting, noConnectionFree);
    } catch (error) {
      const giveBack = () => runner.release();
      connecting.then(giveBack, giveBack);
      throw error;
    }
  }

  /** A connection goes back to the pool only when it is not known to be lost and has surely left its transaction. */
  private async backToCleanState(runner: QueryRunner, error: unknown, within: number): Promise<void> {
    if (!this.isLost(error)) {
      if (!runner.isTransactionActive) return;
      try {
        await before(within, runner.rollbackTransaction(), noAnswer);
        return;
      } catch {
        // The connection is broken: the server rolls back by itself.
      }
    }
    this.dialect.close(await runner.connect());
  }

  /** A driver's error that is not the server's word on a statement is the connection's end. */
  private isLost(error: unknown): boolean {
    if (error instanceof DatabaseTimeoutError) return true;
    return error instanceof QueryFailedError && !this.dialect.isRefused(error);
  }
}

/** One promise and one timer: every statement that this library sends alone comes through here twice. */
function before<T>(ms: number, promise: Promise<T>, late: (ms: number) => string): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new DatabaseTimeoutError(late(ms))), ms);
    const inTime =
      <A>(tell: (answer: A) => void) =>
      (answer: A) => {
        clearTimeout(timer);
        tell(answer);
      };
    promise.then(inTime(resolve), inTime(reject));
  });
}
