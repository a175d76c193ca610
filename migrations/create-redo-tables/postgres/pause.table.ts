import type { QueryRunner } from 'typeorm';
import { createTable } from './described.table.js';

export async function createPauseTable(queryRunner: QueryRunner): Promise<void> {
  await createTable(
    queryRunner,
    'tbl_redo_pause',
    'task types that no instance redrives until they are resumed',
    [
      ['application_name', 'VARCHAR(255) COLLATE "C" NOT NULL', 'the application it is paused in'],
      ['redo_task_id', 'VARCHAR(64) COLLATE "C" NOT NULL', 'the paused task type'],
      ['pause_time', 'BIGINT NOT NULL', 'since when, epoch ms (UTC)'],
    ],
  );
  await queryRunner.query('ALTER TABLE tbl_redo_pause ADD PRIMARY KEY (application_name, redo_task_id)');
}

export async function dropPauseTable(queryRunner: QueryRunner): Promise<void> {
  await queryRunner.query('DROP TABLE IF EXISTS tbl_redo_pause');
}
