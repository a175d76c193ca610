import type { QueryRunner } from 'typeorm';

export async function createPauseTable(queryRunner: QueryRunner): Promise<void> {
  await queryRunner.query(`
    CREATE TABLE IF NOT EXISTS tbl_redo_pause (
      application_name VARCHAR(255) NOT NULL COMMENT 'the application it is paused in',
      redo_task_id     VARCHAR(64) NOT NULL COMMENT 'the paused task type',
      pause_time       BIGINT NOT NULL COMMENT 'since when, epoch ms (UTC)',
      PRIMARY KEY (application_name, redo_task_id)
    )
    ENGINE = InnoDB ROW_FORMAT = DYNAMIC DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin
    COMMENT = 'nestjs-redo: task types that no instance redrives until they are resumed'`);
}

export async function dropPauseTable(queryRunner: QueryRunner): Promise<void> {
  await queryRunner.query('DROP TABLE IF EXISTS tbl_redo_pause');
}
