import type { QueryRunner } from 'typeorm';

export async function createWorkerTable(queryRunner: QueryRunner): Promise<void> {
  await queryRunner.query(`
    CREATE TABLE IF NOT EXISTS tbl_redo_worker ( -- nestjs-redo: one row per running instance, what it has claimed and what it runs
      id               TEXT NOT NULL PRIMARY KEY, -- the instance, new at every start (UUID)
      application_name TEXT NOT NULL,       -- the application it is an instance of
      host             TEXT NOT NULL,       -- where it runs
      pid              INTEGER NOT NULL,    -- its process id on that host
      start_time       INTEGER NOT NULL,    -- when it started, epoch ms (UTC)
      lease_until      INTEGER NOT NULL,    -- counts as alive until then, epoch ms (UTC); later its tasks are due again
      handlers         TEXT NOT NULL,       -- task types it has handlers for, JSON list
      held             TEXT NOT NULL,       -- ids of tasks it has claimed but not begun
      running          TEXT NOT NULL,       -- ids of tasks whose handler has begun, each with its attempt number
      knocks           INTEGER NOT NULL DEFAULT 0, -- grows when people change tasks: it then reads again what it holds
      writes           INTEGER NOT NULL DEFAULT 0, -- number of its last write of this row: an earlier one that comes late is refused
      reached          TEXT                 -- how far its last claim beside others came, by task type: the next one goes on from there
    )`);
  await queryRunner.query(`
    CREATE INDEX IF NOT EXISTS idx_redo_worker_application
        ON tbl_redo_worker (application_name)`);
}

export async function dropWorkerTable(queryRunner: QueryRunner): Promise<void> {
  await queryRunner.query('DROP TABLE IF EXISTS tbl_redo_worker');
}
