import {
  type INestApplicationContext,
  type LoggerService,
  Module,
  type ModuleMetadata,
} from '@nestjs/common';
import { ScheduleModule } from '@nestjs/schedule';
import { Test } from '@nestjs/testing';
import { TypeOrmModule } from '@nestjs/typeorm';
import {
  RedoEvents,
  type RedoEventMap,
  type RedoEventName,
  type RedoHandlerFunction,
  RedoHandlerRegistry,
  RedoManager,
  RedoModule,
  type RedoOptions,
  type RedoPolicy,
  RedoTask,
} from 'nestjs-redo';
import { redoMigrations } from 'nestjs-redo/migrations';
import { DataSource } from 'typeorm';
import { type Database } from './databases.js';
import { type ExtraOptions, type TestDatabase } from './test-database.js';
import { waitFor } from './wait-for.js';

export const APPLICATION = 'order-service';

/** A handler, with the policy of its type where it has one. */
export type TestHandler =
  RedoHandlerFunction<never> | { readonly policy?: RedoPolicy; readonly handle?: RedoHandlerFunction<never> };

export interface TestAppOptions {
  /** Task type → handler. */
  readonly handlers?: Readonly<Record<string, TestHandler>>;
  /** @default a schedule that does not tick by itself in a test's time */
  readonly options?: RedoOptions;
  readonly applicationName?: string;
  readonly providers?: ModuleMetadata['providers'];
  /** Modules beside those that every test application has. */
  readonly imports?: ModuleMetadata['imports'];
  readonly dataSource?: ExtraOptions;
  /** Is shown the application before its engine starts. */
  readonly beforeStart?: (nest: INestApplicationContext) => void;
}

/** What happened, in order. */
export interface Happening<K extends RedoEventName = RedoEventName> {
  readonly name: K;
  readonly event: RedoEventMap[K];
}

const WATCHED: readonly RedoEventName[] = [
  'added',
  'started',
  'succeeded',
  'failed',
  'postponed',
  'dead',
  'parked',
  'workerLapsed',
  'leaseLost',
  'trouble',
  'recovered',
  'workerStopped',
];

/** An instance of an application that uses the library, in this process. */
export class TestApp {
  readonly happenings: Happening[] = [];
  readonly redo: RedoManager;
  readonly dataSource: DataSource;

  constructor(readonly nest: INestApplicationContext) {
    this.redo = nest.get(RedoManager);
    this.dataSource = nest.get(DataSource);
  }

  watch(events: RedoEvents): void {
    for (const name of WATCHED) events.on(name, (event) => this.happenings.push({ name, event }));
  }

  /** The events of one kind so far. */
  all<K extends RedoEventName>(name: K): RedoEventMap[K][] {
    return this.happenings.filter((each) => each.name === name).map(({ event }) => event as RedoEventMap[K]);
  }

  /** The first event of this kind, about this task if `id` is given, already told or to come. */
  async told<K extends RedoEventName>(name: K, id?: number): Promise<RedoEventMap[K]> {
    return waitFor(
      () => this.all(name).find((event) => id === undefined || (event as { id?: number }).id === id),
      { what: `the event '${name}'${id === undefined ? '' : ` of task ${id}`}` },
    );
  }

  close(): Promise<void> {
    return this.nest.close();
  }
}

/** A schema with the library's tables. */
export async function createRedoDatabase(database: Database): Promise<TestDatabase> {
  const created = await database.create();
  await migrate(created);
  return created;
}

export async function migrate(database: TestDatabase): Promise<void> {
  const dataSource = new DataSource(database.options({ migrations: redoMigrations }));
  await dataSource.initialize();
  await dataSource.runMigrations();
  await dataSource.destroy();
}

export async function startApp(database: TestDatabase, settings: TestAppOptions = {}): Promise<TestApp> {
  const {
    handlers = {},
    options = {},
    applicationName = APPLICATION,
    providers = [],
    imports = [],
  } = settings;

  @Module({ providers: [...providers] })
  class ApplicationModule {
    constructor(registry: RedoHandlerRegistry) {
      for (const [redoTaskId, handler] of Object.entries(handlers)) {
        const { policy, handle } = typeof handler === 'function' ? { policy: {}, handle: handler } : handler;
        registry.register(RedoTask.define(redoTaskId, policy), handle);
      }
    }
  }

  const module = await Test.createTestingModule({
    imports: [
      TypeOrmModule.forRoot(database.options(settings.dataSource)),
      ScheduleModule.forRoot(),
      RedoModule.forRoot(applicationName, { schedule: { interval: 3_600_000 }, ...options }),
      ApplicationModule,
      ...imports,
    ],
  })
    .setLogger(SILENT)
    .compile();
  const app = new TestApp(module);
  app.watch(module.get(RedoEvents));
  settings.beforeStart?.(module);
  try {
    await module.init();
  } catch (error) {
    await module.close();
    throw error;
  }
  return app;
}

/** Nest has one logger for all applications of a process: each start would let the others speak again. */
const SILENT: LoggerService = { log() {}, error() {}, warn() {} };

/** Lets the database's time pass: every instant that it has written down is this much longer ago, ms. */
export async function passTime(database: TestDatabase, ms: number): Promise<void> {
  await database.query(
    `UPDATE tbl_redotask SET next_exec_time = next_exec_time - ?, expire_time = expire_time - ?, add_time = add_time - ?`,
    [ms, ms, ms],
  );
  await database.query('UPDATE tbl_redo_worker SET lease_until = lease_until - ?', [ms]);
}

/** The row as it is, or undefined. */
export async function rowOf(
  database: TestDatabase,
  id: number,
): Promise<Record<string, unknown> | undefined> {
  const [row] = await database.query('SELECT * FROM tbl_redotask WHERE id = ?', [id]);
  return row;
}

/** A promise to be settled by the test: it holds a handler until then. */
export function gate(): { readonly passed: Promise<void>; readonly open: () => void } {
  let open = () => {};
  const passed = new Promise<void>((resolve) => (open = resolve));
  return { passed, open: () => open() };
}
