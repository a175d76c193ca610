import type { QueryRunner } from 'typeorm';
import { select } from '../select.js';

/**
 * A transaction of its own. The one TypeORM began, if any, was ended by the first DDL statement; `START
 * TRANSACTION` would end it just as well, and TypeORM's own COMMIT afterwards finds nothing to do.
 */
export async function inTransaction(queryRunner: QueryRunner, work: () => Promise<void>): Promise<void> {
  await queryRunner.query('START TRANSACTION');
  try {
    await work();
    await queryRunner.query('COMMIT');
  } catch (error) {
    await queryRunner.query('ROLLBACK').catch(() => undefined); // the connection may be gone: report the cause
    throw error;
  }
}

/**
 * Runs all of a migration in one SQL mode, whatever the server's: what would be cut off is an error, but
 * '0000-00-00', which Java may have left in the DATETIME columns, is not.
 */
export async function withZeroDatesAllowed(
  queryRunner: QueryRunner,
  work: () => Promise<void>,
): Promise<void> {
  const rows = await select<{ mode: string }>(queryRunner, 'SELECT @@SESSION.sql_mode AS mode');
  const setMode = (mode?: string) => queryRunner.query('SET SESSION sql_mode = ?', [mode]);
  await setMode('STRICT_TRANS_TABLES,ALLOW_INVALID_DATES');
  try {
    await work();
  } catch (error) {
    await setMode(rows[0]?.mode).catch(() => undefined); // the connection may be gone: report the cause
    throw error;
  }
  await setMode(rows[0]?.mode); // the connection goes back to the application's pool
}
