import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { type DataSourceOptions } from 'typeorm';
import { type ExtraOptions, type TestDatabase } from './test-database.js';
import { beginImmediate, commit, sqliteDriver } from './sqlite-driver.js';
import { currentTestRun } from './test-run.js';
import { waitFor } from './wait-for.js';

export async function createSqliteFile(): Promise<TestDatabase> {
  const directory = await mkdtemp(join(currentTestRun().directory, 'sqlite-'));
  const path = join(directory, 'test.db');
  const Driver = sqliteDriver();
  const admin = new Driver(path, { timeout: 0 });

  function runOnce(sql: string, params: readonly unknown[]): Record<string, unknown>[] {
    const statement = admin.prepare(sql);
    // All that can find the file locked is the BEGIN.
    if (/^\s*(PRAGMA|SELECT|EXPLAIN)\b/i.test(sql))
      return statement.all(...params).map((row) => ({ ...row }));
    beginImmediate(admin);
    try {
      if (statement.reader) return statement.all(...params).map((row) => ({ ...row }));
      statement.run(...params);
      return [];
    } finally {
      commit(admin);
    }
  }

  return {
    kind: 'sqlite',
    url: `sqlite://${path}`,
    options(extra: ExtraOptions = {}) {
      return { type: 'better-sqlite3', database: path, driver: Driver, ...extra } as DataSourceOptions;
    },
    async query<Row>(sql: string, params: readonly unknown[] = []) {
      // SQLite's own waiting would stop this process, and with it the transaction it waits for.
      const outcome = await waitFor(() => attempt(() => runOnce(sql, params)), {
        timeout: 10_000,
        what: `SQLite not to be busy with another transaction (${sql})`,
      });
      if ('error' in outcome) throw outcome.error;
      return outcome.result as Row[];
    },
    async drop() {
      admin.close();
      await rm(directory, { recursive: true, force: true });
    },
  };
}

/** Being busy is the one error that waiting helps against. */
function attempt<T>(work: () => T): { result: T } | { error: Error } {
  try {
    return { result: work() };
  } catch (cause) {
    const { message, code } = cause as { message: string; code?: string };
    if (code?.startsWith('SQLITE_BUSY')) throw cause;
    // better-sqlite3 keeps the Error class of the first test file that loaded it: jest's matchers and
    // `instanceof` know it in none.
    return { error: Object.assign(new Error(message, { cause }), { code }) };
  }
}
