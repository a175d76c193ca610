import type { QueryRunner } from 'typeorm';
import { select } from '../select.js';
import { tableExists } from './catalog.js';

export async function createLockTable(queryRunner: QueryRunner): Promise<void> {
  await queryRunner.query(`
    CREATE TABLE IF NOT EXISTS tbl_pessimistic_lock ( -- nestjs-redo: rows that instances lock while they claim tasks
      id          INTEGER PRIMARY KEY AUTOINCREMENT, -- no meaning beyond being the key
      resource    TEXT NOT NULL,            -- what is locked: nestjs-redo:<application name>
      description TEXT NOT NULL DEFAULT ''  -- what the lock is for
    )`);
  await queryRunner.query(`
    CREATE UNIQUE INDEX IF NOT EXISTS uiq_idx_resource
        ON tbl_pessimistic_lock (resource)`);
}

/** Other rows are somebody else's locks: with any of them left the table stays. */
export async function revertLockTable(queryRunner: QueryRunner): Promise<void> {
  if (!(await tableExists(queryRunner, 'tbl_pessimistic_lock'))) return;
  await queryRunner.query(`DELETE FROM tbl_pessimistic_lock WHERE resource LIKE 'nestjs-redo:%'`);
  const others = await select<unknown>(queryRunner, 'SELECT id FROM tbl_pessimistic_lock LIMIT 1');
  if (others.length === 0) await queryRunner.query('DROP TABLE tbl_pessimistic_lock');
}
