import type { Logger } from 'typeorm';
import { sqliteDriver } from './sqlite-driver.js';
import { type ExtraOptions, type TestDatabase } from './test-database.js';

export interface LoggedStatement {
  readonly text: string;
  readonly values: readonly unknown[];
}

/** For MySQL the library's texts are objects that know their own form. */
const plain = (value: unknown) => (value instanceof String ? value.toString() : value);

/** Writes down what an application's data source, and the library with it, sends to the database. */
export class StatementLog {
  /** In the order in which they were sent. */
  readonly statements: LoggedStatement[] = [];

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
    return this.matching(pattern).length;
  }

  matching(pattern: RegExp): LoggedStatement[] {
    return this.statements.filter(({ text }) => pattern.test(text));
  }

  clear(): void {
    this.statements.length = 0;
  }

  private logger(): Logger {
    const ignore = () => {};
    return {
      logQuery: (text, values) =>
        void this.statements.push({ text: text.trim(), values: ((values ?? []) as unknown[]).map(plain) }),
      logQueryError: ignore,
      logQuerySlow: ignore,
      logSchemaBuild: ignore,
      logMigration: ignore,
      log: ignore,
    };
  }

  private listeningDriver(): unknown {
    const { statements } = this;
    return class extends sqliteDriver() {
      override exec(text: string) {
        statements.push({ text: text.trim(), values: [] });
        return super.exec(text);
      }

      override prepare(text: string) {
        const statement = super.prepare(text);
        const noted =
          <T>(run: (...params: unknown[]) => T) =>
          (...params: unknown[]): T => {
            statements.push({ text: text.trim(), values: params.flat() });
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
