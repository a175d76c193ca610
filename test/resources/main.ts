/**
 * What one process uses while it drains many tasks with default options:
 *
 *   npm run resources -- --database mariadb --tasks 200000
 *
 * Prints, for each tenth of the way, tasks a second, heap (after a collection), RSS, how late the event loop was and the
 * most connections in use.
 */
import 'reflect-metadata';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { parseArgs } from 'node:util';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { ScheduleModule } from '@nestjs/schedule';
import { TypeOrmModule } from '@nestjs/typeorm';
import { RedoEvents, RedoHandlerRegistry, RedoManager, RedoModule, RedoTask } from 'nestjs-redo';
import { createDatabase } from '../support/create-database.js';
import { startKeeper } from '../support/keeper.js';
import { migrate } from '../support/redo-app.js';
import { sessionsOf } from '../support/server-activity.js';
import { startServer } from '../support/servers.js';
import { DATABASE_KINDS, type DatabaseKind, publishTestRun } from '../support/test-run.js';
import { waitFor } from '../support/wait-for.js';

const PARAMS = { text: 'x'.repeat(1_000) };
const LOOKS = 10;
const POOL = 10;

const { database, tasks } = commandOf();
const keeper = await startKeeper();
const directory = join(keeper.directory, 'files');
await mkdir(directory);
publishTestRun({ id: `resources${process.pid}`, directory, databases: [], leftOut: [] });
await run().finally(() => keeper.close());

async function run(): Promise<void> {
  const server = database === 'sqlite' ? undefined : await startServer(database, { ownProcess: true });
  const schema = await createDatabase(database, server?.url ?? '');
  await migrate(schema);

  @Module({
    imports: [
      TypeOrmModule.forRoot(schema.options(server ? { poolSize: POOL } : {})),
      ScheduleModule.forRoot(),
      RedoModule.forRoot('resources'),
    ],
  })
  class ApplicationModule {}

  const app = await NestFactory.createApplicationContext(ApplicationModule, { logger: ['error', 'warn'] });
  app.get(RedoHandlerRegistry).register(RedoTask.newBuilder('noop').build(), () => Promise.resolve());
  const redo = app.get(RedoManager);
  let done = 0;
  app.get(RedoEvents).on('succeeded', () => (done += 1));
  await redo.pause('noop');
  for (let added = 0; added < tasks; added += 1_000)
    await redo.addRedoTasks('noop', Array<object>(1_000).fill(PARAMS));

  const delay = monitorEventLoopDelay({ resolution: 1 });
  delay.enable();
  await redo.resume('noop');
  let connections = 0;
  let since = performance.now();
  console.log(`${database}: ${tasks} tasks of 1 KB, default options, a pool of ${POOL}`);
  for (let look = 1; look <= LOOKS; look += 1) {
    const from = done;
    await waitFor(
      async () => {
        if (server) connections = Math.max(connections, (await sessionsOf(schema)).length);
        return done >= (tasks * look) / LOOKS;
      },
      { what: `${look} tenths of the tasks`, timeout: 600_000, interval: 100 },
    );
    const late = { p99: delay.percentile(99) / 1e6, max: delay.max / 1e6 };
    const rate = ((done - from) / (performance.now() - since)) * 1_000;
    globalThis.gc?.();
    const { heapUsed, rss } = process.memoryUsage();
    console.log(
      [
        `${done} done`,
        `${rate.toFixed(0)} a second`,
        `heap ${mib(heapUsed)}`,
        `RSS ${mib(rss)}`,
        `loop late p99 ${late.p99.toFixed(1)} ms, most ${late.max.toFixed(1)} ms`,
        `connections ${connections}`,
      ].join(' | '),
    );
    delay.reset();
    since = performance.now();
  }
  await app.close();
  await schema.drop();
  await server?.stop();
}

function mib(bytes: number): string {
  return `${(bytes / 2 ** 20).toFixed(1)} MiB`;
}

/** @throws {Error} saying what was given and what is allowed */
function commandOf(): { database: DatabaseKind; tasks: number } {
  const { values } = parseArgs({
    options: {
      database: { type: 'string', default: 'mariadb' },
      tasks: { type: 'string', default: '200000' },
    },
  });
  const count = Number(values.tasks);
  const kind = DATABASE_KINDS.find((each) => each === values.database);
  if (!kind) throw new Error(`--database ${values.database}: allowed are ${DATABASE_KINDS.join(', ')}`);
  if (!(count >= 10_000 && count % 10_000 === 0))
    throw new Error(`--tasks ${values.tasks}: allowed is a multiple of 10000`);
  return { database: kind, tasks: count };
}
