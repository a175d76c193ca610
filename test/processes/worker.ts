/**
 * A small application that redrives, in a process of its own; see test/support/worker-process.ts. Its handlers write down
 * what they do in the test's own table. An unhandled rejection ends it, as Node does by default.
 */
import 'reflect-metadata';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { ScheduleModule } from '@nestjs/schedule';
import { TypeOrmModule, type TypeOrmModuleOptions } from '@nestjs/typeorm';
import {
  type AddRedoTaskOptions,
  type RedoContext,
  type RedoEventName,
  RedoEvents,
  RedoHandlerRegistry,
  RedoManager,
  RedoModule,
  RedoTask,
} from 'nestjs-redo';
import { optionsOf } from '../../migrations/database-url.js';
import { openRunLedger } from '../support/run-ledger.js';
import { sqliteDriver } from '../support/sqlite-driver.js';
import { waitFor } from '../support/wait-for.js';
import { type Order, SETTINGS_VARIABLE, type WorkerSettings } from '../support/worker-process.js';

const settings = JSON.parse(process.env[SETTINGS_VARIABLE] ?? '') as WorkerSettings;
const { types = { job: {} }, options, applicationName = 'order-service', poolSize } = settings;

const PRINTED: readonly RedoEventName[] = [
  'started',
  'succeeded',
  'failed',
  'dead',
  'workerStarted',
  'workerLapsed',
  'leaseLost',
  'trouble',
  'recovered',
  'workerStopped',
];

let opened: ReturnType<typeof openRunLedger> | undefined;
const openLedger = () => (opened ??= openRunLedger(settings.ledgerUrl ?? ''));

async function handle(order: Order, deed: Order['deed'], context: RedoContext): Promise<void> {
  const ledger = await openLedger();
  await ledger.begin(context.id, context.attempt);
  if (deed === 'kill') process.kill(process.pid, 'SIGKILL');
  if (deed === 'kill' || deed === 'sleep') await new Promise(() => {});
  if (deed === 'meet')
    await waitFor(async () => (await ledger.processes()) >= (order.processes ?? 1), { what: 'the others' });
  if (deed === 'work' || deed === 'meet') await delay(order.ms ?? 0);
  if (deed === 'listen')
    await new Promise((_, reject) =>
      context.signal.addEventListener('abort', () => reject(context.signal.reason as Error)),
    );
  await ledger.end(context.id, context.attempt);
  if (deed === 'fail') throw new Error('as ordered');
}

@Module({})
class WorkerModule {
  constructor(registry: RedoHandlerRegistry, events: RedoEvents) {
    for (const [redoTaskId, { policy, deed }] of Object.entries(types))
      registry.register(RedoTask.define(redoTaskId, policy), (order: Order, context) =>
        handle(order, deed ?? order.deed, context),
      );
    for (const name of PRINTED)
      events.on(name, (event: object) => {
        const { error } = event as { error?: unknown };
        const told = error instanceof Error ? { ...event, error: `${error.name}: ${error.message}` } : event;
        console.log(`${name} ${JSON.stringify(told)}`);
      });
  }
}

const fromUrl = await optionsOf(settings.url);
const dataSource = {
  ...fromUrl,
  // Two builds of SQLite in one process would break each other's locks.
  ...(fromUrl.type === 'better-sqlite3' ? { driver: sqliteDriver() } : {}),
  ...(poolSize === undefined ? {} : { poolSize }),
  retryAttempts: 600,
  retryDelay: 50,
} as TypeOrmModuleOptions;

@Module({
  imports: [
    TypeOrmModule.forRoot(dataSource),
    ScheduleModule.forRoot(),
    RedoModule.forRoot(applicationName, { schedule: { interval: 20 }, ...options }),
    WorkerModule,
  ],
})
class ApplicationModule {}

const app = await NestFactory.createApplicationContext(ApplicationModule, { logger: ['error', 'warn'] });
app.enableShutdownHooks();
const redo = app.get(RedoManager);
await openLedger();
console.log('ready');

async function obey(command: string, rest: string): Promise<unknown> {
  switch (command) {
    case 'add': {
      const { type, params, options } = JSON.parse(rest) as {
        type: string;
        params: unknown;
        options?: Record<string, unknown>;
      };
      const dates: AddRedoTaskOptions = {};
      if (options?.['expiredDate']) dates.expiredDate = new Date(options['expiredDate'] as string);
      if (options?.['runAt']) dates.runAt = new Date(options['runAt'] as string);
      return redo.addRedoTask(type, params, { ...options, ...dates });
    }
    case 'get':
      return redo.get(Number(rest));
    case 'workers':
      return { workers: await redo.workers() };
    case 'close':
      await app.close();
      (await opened)?.close();
      return {};
    default:
      return { refused: `no command ${command}` };
  }
}

// Lines are "<number> <command> <rest>".
const lines = createInterface({ input: process.stdin }).on('line', (line) => {
  const [, number = '', command = '', rest = ''] = /^(\d+) (\w+) ?(.*)$/.exec(line) ?? [];
  void obey(command, rest)
    .catch((error: Error) => ({ refused: error.message }))
    .then((answer) => {
      console.log(`answer ${number} ${JSON.stringify(answer)}`);
      if (command === 'close') lines.close();
    });
});
