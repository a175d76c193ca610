import { type TestDatabase } from '../support/test-database.js';
import { type DeedName, type Order } from './deeds.js';
import { type Look, type RunOutcome, type RunRecord, type TaskRecord } from './evidence.js';
import { monotonic } from './monotonic.js';

/** The producers' own rows, written in the transactions of their tasks, and what the handlers did. */
export async function createTables(database: TestDatabase): Promise<void> {
  await database.query('CREATE TABLE tbl_chaos_order (order_key VARCHAR(40) PRIMARY KEY)');
  await database.query(
    `CREATE TABLE tbl_chaos_run (
       id VARCHAR(40) PRIMARY KEY, task BIGINT, order_key VARCHAR(40), deed VARCHAR(40), attempt INT,
       worker VARCHAR(36), began BIGINT, ended BIGINT, outcome VARCHAR(20))`,
  );
  await database.query('CREATE INDEX idx_chaos_run ON tbl_chaos_run (order_key)');
}

export async function readOrderKeys(database: TestDatabase): Promise<Set<string>> {
  const rows = await database.query<{ order_key: string }>('SELECT order_key FROM tbl_chaos_order');
  return new Set(rows.map((row) => row.order_key));
}

export async function readRuns(database: TestDatabase): Promise<RunRecord[]> {
  const rows = await database.query<Record<string, string | number | null>>('SELECT * FROM tbl_chaos_run');
  return rows.map((row) => ({
    task: Number(row['task']),
    key: String(row['order_key']),
    deed: row['deed'] as DeedName,
    attempt: Number(row['attempt']),
    worker: String(row['worker']),
    began: Number(row['began']),
    ended: row['ended'] === null ? undefined : Number(row['ended']),
    outcome: (row['outcome'] as RunOutcome | null) ?? undefined,
  }));
}

export async function readTasks(database: TestDatabase): Promise<TaskRecord[]> {
  const rows = await database.query<Record<string, string | number | null>>(
    'SELECT id, status, dead_reason, exec_times, req_param, errors FROM tbl_redotask',
  );
  return rows.map((row) => {
    const order = (JSON.parse(String(row['req_param'])) as { params: Order }).params;
    const errors = JSON.parse(String(row['errors'] ?? '[]')) as { attempt: number }[];
    return {
      id: Number(row['id']),
      key: order.key,
      deed: order.deed,
      status: row['status'] as TaskRecord['status'],
      deadReason: row['dead_reason'] as string | null,
      execTimes: Number(row['exec_times']),
      failedAttempts: errors.map(({ attempt }) => attempt),
    };
  });
}

/** How many tasks have not ended, of all types or of these. */
export async function countPending(database: TestDatabase, types: readonly DeedName[] = []): Promise<number> {
  const ofTypes = types.length === 0 ? '' : ` AND redo_task_id IN (${types.map(() => '?').join(', ')})`;
  const [row] = await database.query<{ count: number }>(
    `SELECT COUNT(*) AS count FROM tbl_redotask WHERE status = 'PENDING'${ofTypes}`,
    types,
  );
  return Number(row?.count);
}

/** Tasks that have not ended, and the workers' rows, in words. */
export async function describePending(database: TestDatabase): Promise<string[]> {
  const tasks = await database.query(
    `SELECT id, redo_task_id, exec_times, next_exec_time FROM tbl_redotask WHERE status = 'PENDING' LIMIT 10`,
  );
  const workers = await database.query('SELECT id, pid, lease_until, held, running FROM tbl_redo_worker');
  return [...tasks, ...workers].map((row) => JSON.stringify(row));
}

export async function look(database: TestDatabase): Promise<Look> {
  const before = monotonic();
  const rows = await database.query<{ id: string }>('SELECT id FROM tbl_redo_worker');
  return { before, after: monotonic(), workers: new Set(rows.map(({ id }) => id)) };
}
