import { Redis } from 'ioredis';
import { PrivateServer } from './private-server.js';
import { obtainProgram } from './programs.js';

/**
 * Redis from Debian with an append-only file, as BullMQ's documents ask for, and without the snapshots beside it, which would
 * only cost it time.
 *
 * @param {'everysec' | 'always'} appendfsync
 */
export async function startRedis(parent, appendfsync) {
  const program = obtainProgram('redis-server', ['redis-server']);
  const kind = {
    name: `redis-${appendfsync}`,
    command: ({ directory, port }) => ({
      program,
      args: [
        ...['--port', String(port)],
        ...['--bind', '127.0.0.1'],
        ...['--dir', directory],
        ...['--appendonly', 'yes'],
        ...['--appendfsync', appendfsync],
        ...['--save', ''],
        ...['--maxmemory-policy', 'noeviction'],
      ],
    }),
    answers: (port) => withRedis(port, (redis) => redis.ping()),
  };
  const server = await PrivateServer.start(kind, parent);
  const { port } = server.place;
  const [, version] = /redis_version:(\S+)/.exec(await withRedis(port, (redis) => redis.info('server')));
  return {
    store: kind.name,
    pid: server.pid,
    version: `Redis ${version}`,
    durability: { appendonly: 'yes', appendfsync },
    async create() {
      await withRedis(port, (redis) => redis.flushall());
      return {
        url: `redis://127.0.0.1:${port}`,
        drop: () => withRedis(port, (redis) => redis.flushall()),
      };
    },
    statementsDuring: (_, work) => commandsDuring(port, work),
    stop: () => server.stop(),
  };
}

async function withRedis(port, use) {
  const redis = new Redis({ port, host: '127.0.0.1', lazyConnect: true, retryStrategy: null });
  redis.on('error', () => {});
  try {
    await redis.connect();
    return await use(redis);
  } finally {
    redis.disconnect();
  }
}

async function commandsDuring(port, work) {
  const count = async () => {
    const told = await withRedis(port, (redis) => redis.info('stats'));
    return Number(/total_commands_processed:(\d+)/.exec(told)[1]);
  };
  const before = await count();
  await work();
  return { statements: (await count()) - before };
}
