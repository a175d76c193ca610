import { createRequire } from 'node:module';

/** The part of better-sqlite3's API that the tests themselves use; libsql has the same. */
export interface SqliteConnection {
  prepare(sql: string): {
    /** Whether it returns rows. */
    reader: boolean;
    all(...params: unknown[]): Record<string, unknown>[];
    run(...params: unknown[]): unknown;
  };
  close(): void;
}

export type SqliteDriver = new (path: string, options: { timeout: number }) => SqliteConnection;

/**
 * libsql ships its binary within the package, better-sqlite3 is what most applications use;
 * `REDO_SQLITE_DRIVER=better-sqlite3` (or a path to it) runs the tests on that one.
 */
export function sqliteDriver(): SqliteDriver {
  const require = createRequire(import.meta.url);
  return require(process.env['REDO_SQLITE_DRIVER'] || 'libsql') as SqliteDriver;
}
