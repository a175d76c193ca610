import { openConnection } from './server-connection.js';
import { beginImmediate, sqliteDriver } from './sqlite-driver.js';
import { type TestDatabase } from './test-database.js';

const TABLES = ['tbl_redotask', 'tbl_redo_worker', 'tbl_redo_pause', 'tbl_pessimistic_lock'];

/**
 * Locks every row of the library's tables in a transaction that stays open, on SQLite the whole file: whoever wants to lock or
 * to write anything has to wait.
 *
 * @returns what ends it
 */
export async function lockEverything(schema: TestDatabase): Promise<() => void> {
  if (schema.kind === 'sqlite') {
    const file = new (sqliteDriver())(new URL(schema.url).pathname, { timeout: 0 });
    beginImmediate(file);
    return () => void file.close();
  }
  const stranger = await openConnection(schema.url);
  await stranger.query('BEGIN');
  for (const table of TABLES) await stranger.query(`SELECT * FROM ${table} FOR UPDATE`);
  return () => stranger.close();
}
