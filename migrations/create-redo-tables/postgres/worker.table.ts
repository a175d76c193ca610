import type { QueryRunner } from 'typeorm';
import { createTable } from './described.table.js';

/**
 * A few rows, each written anew many times a second. Room left in its page lets a new version stay beside the old one, which
 * then goes with the next look at the page and touches no index.
 */
const ROOM = 'WITH (fillfactor = 10)';

export async function createWorkerTable(queryRunner: QueryRunner): Promise<void> {
  await createTable(
    queryRunner,
    'tbl_redo_worker',
    'one row per running instance, what it has claimed and what it runs',
    [
      ['id', 'VARCHAR(36) COLLATE "C" PRIMARY KEY', 'the instance, new at every start (UUID)'],
      ['application_name', 'VARCHAR(255) COLLATE "C" NOT NULL', 'the application it is an instance of'],
      ['host', 'VARCHAR(255) NOT NULL', 'where it runs'],
      ['pid', 'INTEGER NOT NULL', 'its process id on that host'],
      ['start_time', 'BIGINT NOT NULL', 'when it started, epoch ms (UTC)'],
      [
        'lease_until',
        'BIGINT NOT NULL',
        'counts as alive until then, epoch ms (UTC); later its tasks are due again',
      ],
      ['handlers', 'TEXT NOT NULL', 'task types it has handlers for, JSON list'],
      ['held', 'TEXT NOT NULL', 'ids of tasks it has claimed but not begun'],
      ['running', 'TEXT NOT NULL', 'ids of tasks whose handler has begun, each with its attempt number'],
      [
        'knocks',
        'INTEGER NOT NULL DEFAULT 0',
        'grows when people change tasks: it then reads again what it holds',
      ],
      [
        'writes',
        'BIGINT NOT NULL DEFAULT 0',
        'number of its last write of this row: an earlier one that comes late is refused',
      ],
      [
        'reached',
        'TEXT',
        'how far its last claim beside others came, by task type: the next one goes on from there',
      ],
    ],
    ROOM,
  );
  await queryRunner.query('CREATE INDEX idx_redo_worker_application ON tbl_redo_worker (application_name)');
}

export async function dropWorkerTable(queryRunner: QueryRunner): Promise<void> {
  await queryRunner.query('DROP TABLE IF EXISTS tbl_redo_worker');
}
