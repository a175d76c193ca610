import { PgBoss } from 'pg-boss';
import { tomorrow } from './side.js';

/** Fetch on while batches come back full; the base interval is as short as it lets one set it. */
const burst = { burstWhenBatchFull: true, pollingIntervalSeconds: 0.5 };

/** @type {import('./side.js').Side} */
export default {
  name: 'pg-boss',
  package: 'pg-boss',
  stores: ['postgres'],
  settings: {
    default: [{}],
    // The last two fail a whole batch where one job of it fails.
    tuned: [
      { ...burst, batchSize: 100, localConcurrency: 4, perJobResults: true },
      { ...burst, batchSize: 500, localConcurrency: 4, perJobResults: true },
      { ...burst, batchSize: 500, localConcurrency: 2, perJobResults: true },
      { ...burst, batchSize: 500, localConcurrency: 4 },
      { ...burst, batchSize: 1_000, localConcurrency: 2 },
    ],
    failing: [
      { ...burst, batchSize: 100, localConcurrency: 4, perJobResults: true },
      { ...burst, batchSize: 500, localConcurrency: 4, perJobResults: true },
    ],
    slow: [{ ...burst, batchSize: 50, localConcurrency: 10, perJobResults: true }],
    prompt: [{ notify: true }],
    promptElsewhere: [{ notify: true }],
  },

  async prepare({ url, types, settings }) {
    const boss = new PgBoss(url);
    await boss.start();
    for (const type of types)
      await boss.createQueue(type, { retryLimit: 5, retryDelay: 0, notify: settings.notify ?? false });
    await boss.stop();
  },

  async open({ url, settings, types, worker }, handle) {
    const { notify, ...work } = settings;
    const boss = new PgBoss({ connectionString: url, useListenNotify: notify ?? false });
    boss.on('error', (error) => console.error(error));
    await boss.start();
    const [first] = types;
    const handler = work.perJobResults
      ? (jobs) => Promise.all(jobs.map((job) => settle(job, handle)))
      : (jobs) => Promise.all(jobs.map(async ({ data }) => handle(data))).then(() => {});
    return {
      add: (params, type = first) => boss.send(type, params),
      addAll: (list, type = first) =>
        boss.insert(
          type,
          list.map((data) => ({ data })),
        ),
      addWaiting: (list) =>
        boss.insert(
          first,
          list.map((data) => ({ data, startAfter: tomorrow() })),
        ),
      async addDead(list) {
        const data = list.map((each) => ({ data: each, startAfter: tomorrow() }));
        const ids = await boss.insert(first, data, { returnId: true });
        await boss.cancel(first, ids);
      },
      async go() {
        if (worker) for (const type of types) await boss.work(type, work, handler);
      },
      async rest() {
        for (const type of types) await boss.offWork(type);
      },
      async left() {
        const { rows } = await boss
          .getDb()
          .executeSql(
            `SELECT 1 FROM pgboss.job WHERE state IN ('created', 'retry', 'active') AND start_after <= now() LIMIT 1`,
          );
        return rows.length > 0;
      },
      close: () => boss.stop({ graceful: false }),
    };
  },
};

async function settle({ id, data }, handle) {
  try {
    await handle(data);
    return { id, status: 'completed' };
  } catch (error) {
    return { id, status: 'failed', output: { message: error.message } };
  }
}
