import { Logger, makeWorkerUtils, run, WorkerPreset } from 'graphile-worker';
import pg from 'pg';
import { tomorrow } from './side.js';

const silent = new Logger(() => () => {});
/** As its page on performance shows it. */
const batched = { completeJobBatchDelay: 0, failJobBatchDelay: 0 };

const tuned = [
  { concurrentJobs: 24, maxPoolSize: 25, localQueue: { size: 500 }, ...batched },
  { concurrentJobs: 100, maxPoolSize: 10, localQueue: { size: 1_000 }, ...batched },
  { concurrentJobs: 500, maxPoolSize: 10, localQueue: { size: 2_000 }, ...batched },
  { concurrentJobs: 1_000, maxPoolSize: 10, localQueue: { size: 4_000 }, ...batched },
];

/** @type {import('./side.js').Side} */
export default {
  name: 'graphile-worker',
  package: 'graphile-worker',
  stores: ['postgres'],
  settings: {
    default: [{}],
    tuned,
    many: tuned,
    slow: [{ concurrentJobs: 500, maxPoolSize: 10, localQueue: { size: 501 }, ...batched }],
  },

  async prepare({ url }) {
    const utils = await makeWorkerUtils({ connectionString: url, logger: silent });
    await utils.migrate();
    await utils.release();
  },

  async open({ url, settings, types }, handle) {
    const pool = new pg.Pool({ connectionString: url });
    for (const event of ['error', 'connect'])
      pool.on(event, (what) => (event === 'error' ? console.error(what) : what.on('error', console.error)));
    const utils = await makeWorkerUtils({ pgPool: pool, logger: silent });
    const taskList = Object.fromEntries(types.map((type) => [type, async (payload) => handle(payload)]));
    const worker = { connectionString: url, logger: silent, ...settings };
    const [first] = types;
    let runner;
    return {
      add: (params, type = first) => utils.addJob(type, params),
      addAll: (list, type = first) => utils.addJobs(list.map((payload) => ({ identifier: type, payload }))),
      addWaiting: (list) =>
        utils.addJobs(list.map((payload) => ({ identifier: first, payload, runAt: tomorrow() }))),
      async addDead(list) {
        const jobs = await utils.addJobs(
          list.map((payload) => ({ identifier: first, payload, runAt: tomorrow() })),
        );
        await utils.permanentlyFailJobs(
          jobs.map(({ id }) => id),
          'dead, to be in the way',
        );
      },
      async go() {
        runner = await run({ preset: { extends: [WorkerPreset], worker }, noHandleSignals: true, taskList });
      },
      async rest() {
        await runner?.stop();
        runner = undefined;
      },
      async left() {
        const { rowCount } = await pool.query(
          'SELECT 1 FROM graphile_worker._private_jobs WHERE run_at <= now() AND attempts < max_attempts LIMIT 1',
        );
        return rowCount > 0;
      },
      async close() {
        await runner?.stop();
        await utils.release();
        await pool.end();
      },
    };
  },
};
