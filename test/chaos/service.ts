import 'reflect-metadata';
import { createInterface } from 'node:readline';
import { type DynamicModule, type INestApplicationContext, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { ScheduleModule } from '@nestjs/schedule';
import { TypeOrmModule, type TypeOrmModuleOptions } from '@nestjs/typeorm';
import { RedoModule, type RedoOptions } from 'nestjs-redo';
import { optionsOf } from '../../migrations/database-url.js';
import { sqliteDriver } from '../support/sqlite-driver.js';
import { monotonic } from './monotonic.js';
import { APPLICATION, CONNECT_TIMEOUT, LEASE, POOL_SIZE, SHUTDOWN_TIMEOUT } from './settings.js';

/** What a process is told by its environment. */
export interface ServiceSettings {
  /** How it reaches the database: a worker through its proxy. */
  readonly url: string;
  /** How its handlers reach their ledger: never through a proxy. */
  readonly ledgerUrl: string;
  readonly deletesSucceeded: boolean;
  readonly seed: number;
  /** Their names; those of one process add beside each other. */
  readonly producers: readonly string[];
}

export const SETTINGS_VARIABLE = 'REDO_CHAOS_SERVICE';

export const serviceSettings = (): ServiceSettings =>
  JSON.parse(process.env[SETTINGS_VARIABLE] ?? '') as ServiceSettings;

/** Tells the harness, in a line that leaves this process before anything else happens. */
export function tell(name: string, what: object): void {
  console.log(`${name} ${JSON.stringify({ at: monotonic(), ...what })}`);
}

/** Calls back for each line of standard input: `<verb> <JSON>`. */
export function obey(verbs: Readonly<Record<string, (given: never) => unknown>>): void {
  createInterface({ input: process.stdin }).on('line', (line) => {
    const [, verb = '', rest = ''] = /^(\S+) ?(.*)$/.exec(line) ?? [];
    const obeyed = verbs[verb];
    if (!obeyed) throw new Error(`no verb ${verb}; known are ${Object.keys(verbs).join(', ')}`);
    obeyed(JSON.parse(rest || '{}') as never);
  });
}

/** An instance of the application, as any service would be made. */
export async function startService(
  { url, deletesSucceeded }: ServiceSettings,
  module: unknown,
  options: RedoOptions = {},
): Promise<INestApplicationContext> {
  const fromUrl = await optionsOf(url);
  const dataSource = {
    ...fromUrl,
    // Two builds of SQLite in one process would break each other's locks.
    ...(fromUrl.type === 'better-sqlite3' ? { driver: sqliteDriver() } : { poolSize: POOL_SIZE }),
    ...(fromUrl.type === 'postgres' && { connectTimeoutMS: CONNECT_TIMEOUT }),
    // The server may be away just now.
    retryAttempts: 10_000,
    retryDelay: 50,
  } as TypeOrmModuleOptions;

  @Module({
    imports: [
      TypeOrmModule.forRoot(dataSource),
      ScheduleModule.forRoot(),
      RedoModule.forRoot(APPLICATION, {
        schedule: { interval: 200 },
        concurrency: 8,
        lease: LEASE,
        shutdownTimeout: SHUTDOWN_TIMEOUT,
        retention: { succeeded: deletesSucceeded ? 0 : Infinity },
        ...options,
      }),
      module as DynamicModule,
    ],
  })
  class ApplicationModule {}

  const app = await NestFactory.createApplicationContext(ApplicationModule, {
    logger: false,
    // A start that the database breaks off is tried again by the harness, as by any supervisor.
    abortOnError: false,
  });
  app.enableShutdownHooks();
  return app;
}
