import type { Logger } from 'typeorm';
import { sqliteDriver } from './sqlite-driver.js';
import { type ExtraOptions, type TestDatabase } from './test-database.js';

/** Writes down what an application's data source, and the library with it, sends to the database. */
export class StatementLog {
  private readonly texts: string[] = [];

  /**
   * To be laid over the data source's options. On SQLite the driver is listened to, since the library works past
   * TypeORM there, on a connection of its own.
   */
  options(database: TestDatabase): ExtraOptions {
    return database.kind === 'sqlite'
      ? ({ driver: this.listeningDriver() } as ExtraOptions)
      : { logger: this.logger() };
  }

  /** How many statements matched since the last `clear()`. */
  count(pattern: RegExp): number {
    return this.texts.filter((text) => pattern.test(text)).length;
  }

  clear(): void {
    this.texts.length = 0;
  }

  private logger(): Logger {
    const ignore = () => {};
    return {
      logQuery: (text) => void this.texts.push(text.trim()),
      logQueryError: ignore,
      logQuerySlow: ignore,
      logSchemaBuild: ignore,
      logMigration: ignore,
      log: ignore,
    };
  }

  private listeningDriver(): unknown {
    const { texts } = this;
    return class extends sqliteDriver() {
      override prepare(text: string) {
        const statement = super.prepare(text);
        const noted =
          <T>(run: (...params: unknown[]) => T) =>
          (...params: unknown[]): T => {
            texts.push(text.trim());
            return run.apply(statement, params);
          };
        return {
          reader: statement.reader,
          all: noted((...params) => statement.all(...params)),
          run: noted((...params) => statement.run(...params)),
        };
      }
    };
  }
}
