import type { QueryRunner } from 'typeorm';

export async function createPauseTable(queryRunner: QueryRunner): Promise<void> {
  await queryRunner.query(`
    CREATE TABLE IF NOT EXISTS tbl_redo_pause ( -- nestjs-redo: task types that no instance redrives until they are resumed
      application_name TEXT NOT NULL,       -- the application it is paused in
      redo_task_id     TEXT NOT NULL,       -- the paused task type
      pause_time       INTEGER NOT NULL,    -- since when, epoch ms (UTC)
      PRIMARY KEY (application_name, redo_task_id)
    )`);
}

export async function dropPauseTable(queryRunner: QueryRunner): Promise<void> {
  await queryRunner.query('DROP TABLE IF EXISTS tbl_redo_pause');
}
