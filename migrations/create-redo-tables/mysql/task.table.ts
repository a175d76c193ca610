import type { QueryRunner } from 'typeorm';
import { select } from '../select.js';
import { columnsOf, tableExists } from './catalog.js';
import { addSeedDates, backToSeedForm, fillSeedDates } from './seed-form.js';
import { fillTakenOverTasks, takeOverTaskTable } from './take-over.js';

export async function createOrTakeOverTaskTable(queryRunner: QueryRunner): Promise<void> {
  const columns = await columnsOf(queryRunner, 'tbl_redotask');
  if (columns.length > 0) {
    if (!columns.includes('status')) await takeOverTaskTable(queryRunner, columns);
    if (columns.includes('expired_date')) await fillTakenOverTasks(queryRunner);
  } else if (await tableExists(queryRunner, 'tbl_redotask_kept')) {
    await reviveKeptTable(queryRunner);
  } else {
    await createTaskTable(queryRunner);
  }
}

/** Live tasks stay in the table, in the form that the Java component reads; without any our own table goes. */
export async function revertTaskTable(queryRunner: QueryRunner): Promise<void> {
  const columns = await columnsOf(queryRunner, 'tbl_redotask');
  if (!columns.includes('status')) return; // done by a run that broke off later
  if (!columns.includes('expired_date')) {
    const tasks = await select<unknown>(queryRunner, 'SELECT id FROM tbl_redotask LIMIT 1');
    if (tasks.length === 0) {
      await queryRunner.query('DROP TABLE tbl_redotask');
      return;
    }
    await addSeedDates(queryRunner);
  }
  await fillSeedDates(queryRunner);
  await backToSeedForm(queryRunner);
}

/** take-over.ts brings the Java component's table to the same structure. */
async function createTaskTable(queryRunner: QueryRunner): Promise<void> {
  await queryRunner.query(`
    CREATE TABLE tbl_redotask (
      id               BIGINT NOT NULL AUTO_INCREMENT COMMENT 'the task',
      redo_task_id     VARCHAR(64) NOT NULL COMMENT 'task type: which handler runs it',
      application_name VARCHAR(255) NULL DEFAULT NULL COMMENT 'the application whose instances run it',
      max_attempts     INT NULL DEFAULT NULL COMMENT 'attempts after which it is dead; NULL or 0: no limit',
      exec_times       INT NOT NULL DEFAULT 0 COMMENT 'attempts made so far',
      try_forever      VARCHAR(4) NULL DEFAULT NULL COMMENT '1: tried for ever, whatever max_attempts says; 0 or NULL: not',
      req_param        MEDIUMTEXT NULL COMMENT 'what the handler gets, JSON: {"params": …}',
      status           VARCHAR(10) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT 'PENDING' COMMENT 'PENDING, PARKED (parameters can not be decoded), DEAD, SUCCEEDED',
      next_exec_time   BIGINT NOT NULL DEFAULT 0 COMMENT 'when it is due, or if DEAD or SUCCEEDED when it ended, epoch ms (UTC)',
      expire_time      BIGINT NULL DEFAULT NULL COMMENT 'not begun any more from then on, epoch ms (UTC); NULL: never expires',
      add_time         BIGINT NOT NULL DEFAULT 0 COMMENT 'when it was added, epoch ms (UTC); 0: not known',
      dead_reason      VARCHAR(10) CHARACTER SET ascii COLLATE ascii_bin NULL DEFAULT NULL COMMENT 'why it is DEAD: EXHAUSTED, EXPIRED, DISCARDED',
      dead_detail      VARCHAR(1000) NULL DEFAULT NULL COMMENT 'the same in words, for a person',
      dedupe_key       VARCHAR(255) NULL DEFAULT NULL COMMENT 'at most one live task per application, task type and key',
      dedupe_hash      CHAR(64) CHARACTER SET ascii COLLATE ascii_bin NULL DEFAULT NULL COMMENT 'hash of these three while the task is live, else NULL',
      errors           MEDIUMTEXT NULL COMMENT 'its last 10 errors, JSON list',
      PRIMARY KEY (id),
      UNIQUE KEY uiq_redotask_dedupe (dedupe_hash),
      KEY idx_redotask_due (application_name, status, redo_task_id, next_exec_time, id, expire_time)
    )
    ENGINE = InnoDB ROW_FORMAT = DYNAMIC DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin
    COMMENT = 'nestjs-redo: one row per task, a call that must eventually succeed'`);
}

/** Reverting dropped the table and put its finished tasks aside: that table has our structure. */
async function reviveKeptTable(queryRunner: QueryRunner): Promise<void> {
  await queryRunner.query(`
    ALTER TABLE tbl_redotask_kept
      COMMENT = 'nestjs-redo: one row per task, a call that must eventually succeed',
      RENAME TO tbl_redotask`);
}
