import type { QueryRunner } from 'typeorm';

export async function createWorkerTable(queryRunner: QueryRunner): Promise<void> {
  await queryRunner.query(`
    CREATE TABLE IF NOT EXISTS tbl_redo_worker (
      id               CHAR(36) CHARACTER SET ascii COLLATE ascii_bin NOT NULL COMMENT 'the instance, new at every start (UUID)',
      application_name VARCHAR(255) NOT NULL COMMENT 'the application it is an instance of',
      host             VARCHAR(255) NOT NULL COMMENT 'where it runs',
      pid              INT NOT NULL COMMENT 'its process id on that host',
      start_time       BIGINT NOT NULL COMMENT 'when it started, epoch ms (UTC)',
      lease_until      BIGINT NOT NULL COMMENT 'counts as alive until then, epoch ms (UTC); later its tasks are due again',
      handlers         MEDIUMTEXT NOT NULL COMMENT 'task types it has handlers for, JSON list',
      held             MEDIUMTEXT NOT NULL COMMENT 'ids of tasks it has claimed but not begun',
      running          MEDIUMTEXT NOT NULL COMMENT 'ids of tasks whose handler has begun, each with its attempt number',
      knocks           INT NOT NULL DEFAULT 0 COMMENT 'grows when people change tasks: it then reads again what it holds',
      writes           BIGINT NOT NULL DEFAULT 0 COMMENT 'number of its last write of this row: an earlier one that comes late is refused',
      reached          MEDIUMTEXT NULL COMMENT 'how far its last claim beside others came, by task type: the next one goes on from there',
      PRIMARY KEY (id),
      KEY idx_redo_worker_application (application_name)
    )
    ENGINE = InnoDB ROW_FORMAT = DYNAMIC DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin
    COMMENT = 'nestjs-redo: one row per running instance, what it has claimed and what it runs'`);
}

export async function dropWorkerTable(queryRunner: QueryRunner): Promise<void> {
  await queryRunner.query('DROP TABLE IF EXISTS tbl_redo_worker');
}
