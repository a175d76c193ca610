import { DatabaseTimeoutError } from '../redo.errors.js';
import type { Database } from './database.js';
import { sql } from './sql.js';
import { rows } from './work.js';

/** A worker whose row can't be written for so long is about to lose its lease, ms. */
const PATIENCE = 2_000;

/**
 * Makes every worker read what it holds again before it begins any of it: a person has changed tasks, or paused a type.
 * Afterwards nothing begins that was not to begin. One row at a time, so that no worker waits for another.
 */
export async function knockAtWorkers(database: Database, applicationName: string): Promise<void> {
  const workers = await database.read(() =>
    rows<{ id: string }>(sql`SELECT id FROM tbl_redo_worker WHERE application_name = ${applicationName}`),
  );
  for (const { id } of workers)
    try {
      await database.autocommit(function* () {
        yield sql`UPDATE tbl_redo_worker SET knocks = knocks + 1 WHERE id = ${id}`;
      }, PATIENCE);
    } catch (error) {
      if (!(error instanceof DatabaseTimeoutError)) throw error;
    }
}
