import { MysqlQueue } from '@serenis/mysql-queue';
import { createPool } from 'mysql2/promise';
import { tomorrow } from './side.js';

/** @type {import('./side.js').Side} */
export default {
  name: '@serenis/mysql-queue',
  package: '@serenis/mysql-queue',
  stores: ['mysql', 'mariadb'],
  settings: {
    default: [{}],
    // `workers` is ours: how many of its workers run in the process. The last two fail a whole batch where one job of it fails.
    tuned: [
      { pollingBatchSize: 100, pollingIntervalMs: 10 },
      { pollingBatchSize: 500, pollingIntervalMs: 10 },
      { pollingBatchSize: 500, pollingIntervalMs: 10, workers: 2 },
      { pollingBatchSize: 1_000, callbackBatchSize: 1_000, pollingIntervalMs: 10 },
      { pollingBatchSize: 500, callbackBatchSize: 500, pollingIntervalMs: 10, workers: 2 },
    ],
    failing: [{ pollingBatchSize: 500, pollingIntervalMs: 10 }],
    slow: [{ pollingBatchSize: 500, pollingIntervalMs: 10 }],
  },

  async prepare({ url, store, types }) {
    const queue = MysqlQueue({ dbUri: url, loggingLevel: 'silent' });
    if (store === 'mariadb') await createTablesOnMariadb(queue, url);
    else await queue.globalInitialize();
    for (const type of types) await queue.upsertQueue(type, { minDelayMs: 1, maxRetries: 5 });
    await queue.dispose();
  },

  async open({ url, settings, types, worker }, handle) {
    const queue = MysqlQueue({ dbUri: url, loggingLevel: 'silent' });
    await queue.globalInitialize();
    const pool = createPool({ uri: url, timezone: 'Z' });
    const { workers: perType = 1, ...work } = settings;
    const [first] = types;
    const job = (payload) => ({ name: 'bench', payload });
    const callback = (jobs) => Promise.all(jobs.map(async ({ payload }) => handle(payload))).then(() => {});
    let working = [];
    return {
      add: (params, type = first) => queue.enqueue(type, job(params)),
      addAll: (list, type = first) => queue.enqueue(type, list.map(job)),
      addWaiting: (list) =>
        queue.enqueue(
          first,
          list.map((payload) => ({ ...job(payload), startAfter: tomorrow() })),
        ),
      async addDead(list) {
        const { jobIds } = await queue.enqueue(
          first,
          list.map((payload) => ({ ...job(payload), startAfter: tomorrow() })),
        );
        await pool.query(
          `UPDATE ${queue.jobsTable()} SET status = 'failed', failedAt = NOW(3) WHERE id IN (?)`,
          [jobIds],
        );
      },
      async go() {
        if (!worker) return;
        for (const type of types)
          for (let lane = 0; lane < perType; lane += 1) working.push(await queue.work(type, callback, work));
        for (const one of working) void one.start();
      },
      async rest() {
        await Promise.all(working.map((one) => one.stop()));
        working = [];
      },
      async left() {
        const [rows] = await pool.query(
          `SELECT 1 FROM ${queue.jobsTable()} WHERE status IN ('pending', 'running') AND startAfter <= NOW(3) LIMIT 1`,
        );
        return rows.length > 0;
      },
      async close() {
        await queue.dispose();
        await pool.end();
      },
    };
  },
};

/**
 * MariaDB has no indexes over expressions, which two of its migrations want: each stops there, and is completed by a generated
 * column with the same expression and the same unique index over it.
 */
async function createTablesOnMariadb(queue, url) {
  const pool = createPool({ uri: url, multipleStatements: true });
  const [jobs, migrations] = [queue.jobsTable(), queue.migrationTable()];
  const complete = async (name, statuses) => {
    await queue.globalInitialize().catch(() => {});
    await pool.query(`
      ALTER TABLE ${jobs} DROP COLUMN IF EXISTS pendingDedupLive;
      ALTER TABLE ${jobs}
        ADD COLUMN pendingDedupLive VARCHAR(255) AS (CASE WHEN status IN (${statuses}) THEN pendingDedupKey END) VIRTUAL,
        ADD UNIQUE INDEX idx_queue_name_pending_dedup (queueId, name, pendingDedupLive);
      INSERT INTO ${migrations} (name) VALUES ('${name}')`);
  };
  await complete('add-pending-dedup-key', `'pending'`);
  await complete('extend-pending-dedup-to-running', `'pending', 'running'`);
  await queue.globalInitialize();
  await pool.end();
}
