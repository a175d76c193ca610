import type { QueryRunner } from 'typeorm';
import { millisOfDatetime, NOW_MILLIS } from './server-zone.js';

/** The columns that the Java component's SQL creates. */
const SEED_COLUMNS = [
  'id',
  'redo_task_id',
  'application_name',
  'max_attempts',
  'exec_times',
  'try_forever',
  'expired_date',
  'req_param',
  'create_time',
];

/**
 * Only widens and adds, in one statement that happens wholly or not at all. `expired_date`, `create_time` and
 * columns of somebody else's stay as they are.
 */
export async function takeOverTaskTable(queryRunner: QueryRunner, columns: string[]): Promise<void> {
  const missing = SEED_COLUMNS.filter((column) => !columns.includes(column));
  if (missing.length > 0) {
    throw new Error(
      `redo: the table tbl_redotask is neither nestjs-redo's nor the Java component's: it lacks ${missing.join(', ')}. ` +
        'Rename it and run the migration again',
    );
  }
  await queryRunner.query(`
    ALTER TABLE tbl_redotask
      MODIFY COLUMN id               BIGINT NOT NULL AUTO_INCREMENT COMMENT 'the task',
      MODIFY COLUMN redo_task_id     VARCHAR(64) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL COMMENT 'task type: which handler runs it',
      MODIFY COLUMN application_name VARCHAR(255) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NULL DEFAULT NULL COMMENT 'the application whose instances run it',
      MODIFY COLUMN max_attempts     INT NULL DEFAULT NULL COMMENT 'attempts after which it is dead; NULL or 0: no limit',
      MODIFY COLUMN exec_times       INT NOT NULL DEFAULT 0 COMMENT 'attempts made so far',
      MODIFY COLUMN try_forever      VARCHAR(4) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NULL DEFAULT NULL COMMENT '1: tried for ever, whatever max_attempts says; 0 or NULL: not',
      MODIFY COLUMN req_param        MEDIUMTEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NULL COMMENT 'what the handler gets, JSON: {"params": …}',
      ADD COLUMN status         VARCHAR(10) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT 'PENDING' COMMENT 'PENDING, PARKED (parameters can not be decoded), DEAD, SUCCEEDED',
      ADD COLUMN next_exec_time BIGINT NOT NULL DEFAULT 0 COMMENT 'when it is due, or if DEAD or SUCCEEDED when it ended, epoch ms (UTC)',
      ADD COLUMN expire_time    BIGINT NULL DEFAULT NULL COMMENT 'not begun any more from then on, epoch ms (UTC); NULL: never expires',
      ADD COLUMN add_time       BIGINT NOT NULL DEFAULT 0 COMMENT 'when it was added, epoch ms (UTC); 0: not known',
      ADD COLUMN dead_reason    VARCHAR(10) CHARACTER SET ascii COLLATE ascii_bin NULL DEFAULT NULL COMMENT 'why it is DEAD: EXHAUSTED, EXPIRED, DISCARDED',
      ADD COLUMN dead_detail    VARCHAR(1000) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NULL DEFAULT NULL COMMENT 'the same in words, for a person',
      ADD COLUMN dedupe_key     VARCHAR(255) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NULL DEFAULT NULL COMMENT 'at most one live task per application, task type and key',
      ADD COLUMN dedupe_hash    CHAR(64) CHARACTER SET ascii COLLATE ascii_bin NULL DEFAULT NULL COMMENT 'hash of these three while the task is live, else NULL',
      ADD COLUMN errors         MEDIUMTEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NULL COMMENT 'its last 10 errors, JSON list',
      ADD UNIQUE KEY uiq_redotask_dedupe (dedupe_hash),
      ADD KEY idx_redotask_due (application_name, status, redo_task_id, next_exec_time, id, expire_time),
      ROW_FORMAT = DYNAMIC,
      DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin,
      COMMENT = 'nestjs-redo: one row per task, a call that must eventually succeed'`);
}

/**
 * A row whose `next_exec_time` is still 0 was not filled yet. Java tried its tasks at every pass: due now. IGNORE,
 * because arithmetic with a date that is none ('2020-02-31') shall give NULL and not end the migration.
 */
export async function fillTakenOverTasks(queryRunner: QueryRunner): Promise<void> {
  await queryRunner.query(`
    UPDATE IGNORE tbl_redotask
       SET add_time       = COALESCE(${millisOfDatetime('create_time')}, 0),
           expire_time    = ${millisOfDatetime('expired_date')},
           next_exec_time = ${NOW_MILLIS}
     WHERE next_exec_time = 0`);
}
