import type { QueryRunner } from 'typeorm';
import { select } from '../select.js';
import { tableExists } from './catalog.js';

/** SQLite keeps the comments inside the statement: `.schema tbl_redotask` shows them. */
export async function createOrTakeBackTaskTable(queryRunner: QueryRunner): Promise<void> {
  if (await tableExists(queryRunner, 'tbl_redotask_kept')) {
    await queryRunner.query('ALTER TABLE tbl_redotask_kept RENAME TO tbl_redotask');
    return;
  }
  await queryRunner.query(`
    CREATE TABLE tbl_redotask (             -- nestjs-redo: one row per task, a call that must eventually succeed
      id               INTEGER PRIMARY KEY AUTOINCREMENT, -- the task; an id is never used again
      redo_task_id     TEXT NOT NULL,       -- task type: which handler runs it
      application_name TEXT,                -- the application whose instances run it
      max_attempts     INTEGER,             -- attempts after which it is dead; NULL or 0: no limit
      exec_times       INTEGER NOT NULL DEFAULT 0, -- attempts made so far
      try_forever      TEXT,                -- 1: tried for ever, whatever max_attempts says; 0 or NULL: not
      req_param        TEXT,                -- what the handler gets, JSON: {"params": …}
      status           TEXT NOT NULL DEFAULT 'PENDING', -- PENDING, PARKED (parameters can not be decoded), DEAD, SUCCEEDED
      next_exec_time   INTEGER NOT NULL DEFAULT 0, -- when it is due, or if DEAD or SUCCEEDED when it ended, epoch ms (UTC)
      expire_time      INTEGER,             -- not begun any more from then on, epoch ms (UTC); NULL: never expires
      add_time         INTEGER NOT NULL DEFAULT 0, -- when it was added, epoch ms (UTC)
      dead_reason      TEXT,                -- why it is DEAD: EXHAUSTED, EXPIRED, DISCARDED
      dead_detail      TEXT,                -- the same in words, for a person
      dedupe_key       TEXT,                -- at most one live task per application, task type and key
      dedupe_hash      TEXT,                -- hash of these three while the task is live, else NULL
      errors           TEXT                 -- its last 10 errors, JSON list
    )`);
  await queryRunner.query('CREATE UNIQUE INDEX uiq_redotask_dedupe ON tbl_redotask (dedupe_hash)');
  await queryRunner.query(`
    CREATE INDEX idx_redotask_due
        ON tbl_redotask (application_name, status, redo_task_id, next_exec_time, id, expire_time)`);
}

/** There is no other component whose table it could become again: all tasks are put aside as they are. */
export async function revertTaskTable(queryRunner: QueryRunner): Promise<void> {
  const tasks = await select<unknown>(queryRunner, 'SELECT id FROM tbl_redotask LIMIT 1');
  if (tasks.length > 0) {
    await queryRunner.query('ALTER TABLE tbl_redotask RENAME TO tbl_redotask_kept');
  } else {
    await queryRunner.query('DROP TABLE tbl_redotask');
  }
}
