import { Queue, Worker } from 'bullmq';

/** Tasks that have succeeded are deleted, as with the others. */
const removal = { removeOnComplete: { count: 0 } };
/** Where tasks fail, it must be told to try them again. */
const RETRIED = { attempts: 5, backoff: { type: 'fixed', delay: 1 } };

/**
 * @param {object} variant
 * @param {string} variant.name
 * @param {readonly string[]} variant.stores
 * @param {(url: string) => { connection: unknown, preparing?: unknown, backend: unknown[] }} variant.connect
 * @returns {import('./side.js').Side}
 */
export const bullmq = ({ name, stores, connect }) => ({
  name,
  package: 'bullmq',
  stores,
  settings: {
    default: [{}],
    // `workers` is ours: how many of its workers run in the process; each fetches its jobs one after the other.
    tuned: [
      { concurrency: 50, ...removal },
      { concurrency: 200, ...removal },
      { concurrency: 200, workers: 4, ...removal },
    ],
    failing: [50, 100, 200].map((concurrency) => ({ concurrency, ...removal, job: RETRIED })),
    slow: [{ concurrency: 500, ...removal }],
  },

  async prepare({ url }) {
    const { preparing, connection, backend } = connect(url);
    const queue = new Queue('prepare', { connection: preparing ?? connection }, ...backend);
    await queue.waitUntilReady();
    await queue.close();
  },

  async open({ url, settings, types, worker }, handle) {
    const { connection, backend } = connect(url);
    const { job: defaultJobOptions, workers: perType = 1, ...tuned } = settings;
    const queues = new Map(
      types.map((type) => [type, new Queue(type, { connection, defaultJobOptions }, ...backend)]),
    );
    const first = queues.get(types[0]);
    const workers = [];
    const options = { connection, autorun: false, ...tuned };
    const open = (type) => {
      const one = new Worker(type, async ({ data }) => handle(data), options, ...backend);
      one.on('error', (error) => console.error(error));
      workers.push(one);
    };
    if (worker) for (const type of types) for (let lane = 0; lane < perType; lane += 1) open(type);
    const jobs = (list, opts) => list.map((data) => ({ name: 'bench', data, opts }));
    return {
      add: (params, type = types[0]) => queues.get(type).add('bench', params),
      addAll: (list, type = types[0]) => queues.get(type).addBulk(jobs(list)),
      addWaiting: (list) => first.addBulk(jobs(list, { delay: 86_400_000 })),
      async go() {
        for (const one of workers)
          if (one.isPaused()) one.resume();
          else if (!one.isRunning()) void one.run();
      },
      rest: () => Promise.all(workers.map((one) => one.pause())),
      async left() {
        for (const queue of queues.values()) {
          const counts = await queue.getJobCounts('wait', 'active', 'prioritized', 'paused');
          if (Object.values(counts).some((count) => count > 0)) return true;
        }
        return false;
      },
      async close() {
        await Promise.all(workers.map((one) => one.close(true)));
        await Promise.all([...queues.values()].map((queue) => queue.close()));
      },
    };
  },
});

export default bullmq({
  name: 'bullmq',
  stores: ['redis-everysec', 'redis-always'],
  connect(url) {
    const { hostname, port } = new URL(url);
    return {
      connection: { host: hostname, port: Number(port), maxRetriesPerRequest: null },
      backend: [],
    };
  },
});
