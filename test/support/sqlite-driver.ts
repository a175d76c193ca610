import { createRequire } from 'node:module';

/** The part of better-sqlite3's API that the tests themselves use; libsql has the same. */
export interface SqliteConnection {
  prepare(sql: string): {
    /** Whether it returns rows. */
    reader: boolean;
    all(...params: unknown[]): Record<string, unknown>[];
    run(...params: unknown[]): unknown;
  };
  /** One statement or several. Unlike a prepared statement it leaves nothing behind when it fails. */
  exec(sql: string): unknown;
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

/**
 * Takes the file's write lock, or throws SQLITE_BUSY. A write that meets a lock without this leaves its statement unfinished
 * in libsql, and the connection's later writes uncommitted.
 */
export const beginImmediate = (connection: SqliteConnection) => void connection.exec('BEGIN IMMEDIATE');
export const commit = (connection: SqliteConnection) => void connection.exec('COMMIT');
