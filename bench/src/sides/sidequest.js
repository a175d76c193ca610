import { createPool } from 'mysql2/promise';
import pg from 'pg';
import { Sidequest } from 'sidequest';
import { BenchJob, setHandle } from './sidequest.job.js';
import { tomorrow } from './side.js';

const DRIVERS = {
  mysql: '@sidequest/mysql-backend',
  mariadb: '@sidequest/mysql-backend',
  postgres: '@sidequest/postgres-backend',
};
/** In the host's process, as its documents say for single-process set-ups; else it starts a process and threads of its own. */
const inProcess = { fork: false, runner: 'inline' };

/** @type {import('./side.js').Side} */
export default {
  name: 'sidequest',
  package: 'sidequest',
  stores: ['postgres', 'mysql', 'mariadb'],
  most: 4_000,
  settings: {
    default: [{}],
    // Tried by hand: 10, 50 and 200 differ little.
    tuned: [{ ...inProcess, maxConcurrentJobs: 200, concurrency: 200, jobPollingInterval: 10 }],
    failing: [{ ...inProcess, maxConcurrentJobs: 50, concurrency: 50, jobPollingInterval: 10 }],
    slow: [{ ...inProcess, maxConcurrentJobs: 500, concurrency: 500, jobPollingInterval: 10 }],
  },

  async prepare() {},

  async open({ url, store, settings, worker }, handle) {
    setHandle(handle);
    const { concurrency, ...engine } = settings;
    const isPostgres = store === 'postgres';
    const config = {
      ...engine,
      backend: { driver: DRIVERS[store], config: url },
      queues: [{ name: 'default', ...(concurrency && { concurrency }) }],
      logger: { level: 'error' },
      dashboard: { enabled: false },
    };
    await Sidequest.configure(config);
    const pool = isPostgres
      ? new pg.Pool({ connectionString: url })
      : createPool({ uri: url, timezone: 'Z' });
    const rows = async (text) => {
      const answer = await pool.query(text);
      return isPostgres ? answer.rows : answer[0];
    };
    let started = false;
    const build = () => Sidequest.build(BenchJob).retryDelay(1).backoffStrategy('fixed');
    return {
      add: (params) => build().enqueue(params),
      addWaiting: (list) =>
        Promise.all(list.map((params) => build().availableAt(tomorrow()).enqueue(params))),
      async go() {
        if (!worker) return;
        if (started) await Sidequest.queue.activate('default');
        else await Sidequest.start(config);
        started = true;
      },
      rest: () => Sidequest.queue.pause('default'),
      async left() {
        const found = await rows(
          `SELECT 1 FROM sidequest_jobs WHERE state IN ('waiting', 'claimed', 'running') LIMIT 1`,
        );
        return found.length > 0;
      },
      ...(settings.fork !== false && {
        async handledCount() {
          const [row] = await rows(`SELECT COUNT(*) AS number FROM sidequest_jobs WHERE state = 'completed'`);
          return Number(row.number);
        },
      }),
      async close() {
        await Sidequest.stop();
        await pool.end();
      },
    };
  },
};
