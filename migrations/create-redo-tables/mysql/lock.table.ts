import type { QueryRunner } from 'typeorm';
import { select } from '../select.js';
import { commentOf } from './catalog.js';

/** Tells our table from the Java component's, which is used as it is and never altered. */
const OURS = 'nestjs-redo: ';

export async function createLockTable(queryRunner: QueryRunner): Promise<void> {
  await queryRunner.query(`
    CREATE TABLE IF NOT EXISTS tbl_pessimistic_lock (
      id          BIGINT NOT NULL AUTO_INCREMENT COMMENT 'no meaning beyond being the key',
      resource    VARCHAR(500) NOT NULL COMMENT 'what is locked: nestjs-redo:<application name>',
      description VARCHAR(1000) NOT NULL DEFAULT '' COMMENT 'what the lock is for',
      PRIMARY KEY (id),
      UNIQUE KEY uiq_idx_resource (resource)
    )
    ENGINE = InnoDB ROW_FORMAT = DYNAMIC DEFAULT CHARACTER SET utf8mb4
    COMMENT = '${OURS}rows that instances lock (FOR UPDATE) while they claim tasks'`);
}

/** Other rows are somebody else's locks: with any of them left, or in the Java component's table, it stays. */
export async function revertLockTable(queryRunner: QueryRunner): Promise<void> {
  const comment = await commentOf(queryRunner, 'tbl_pessimistic_lock');
  if (comment === undefined) return;
  await queryRunner.query(`DELETE FROM tbl_pessimistic_lock WHERE resource LIKE 'nestjs-redo:%'`);
  const others = await select<unknown>(queryRunner, 'SELECT id FROM tbl_pessimistic_lock LIMIT 1');
  if (comment.startsWith(OURS) && others.length === 0)
    await queryRunner.query('DROP TABLE tbl_pessimistic_lock');
}
