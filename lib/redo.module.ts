import {
  type DynamicModule,
  Inject,
  Module,
  type OnApplicationBootstrap,
  type OnApplicationShutdown,
  type OnModuleDestroy,
  type OnModuleInit,
  type Provider,
} from '@nestjs/common';
import { DiscoveryModule, ModulesContainer } from '@nestjs/core';
import { getDataSourceToken } from '@nestjs/typeorm';
import type { DataSource } from 'typeorm';
import { TaskAdder } from './adding/task.adder.js';
import { RedoHandlerExplorer } from './handlers/handler.explorer.js';
import { RedoHandlerRegistry } from './handlers/handler.registry.js';
import { RedoConfigurationError } from './redo.errors.js';
import { RedoEvents } from './redo.events.js';
import { RedoLog } from './redo.log.js';
import { RedoManager } from './redo.manager.js';
import { dataSourceTooLate, moduleImportedTwice } from './redo.messages.js';
import {
  REDO_MODULE_OPTIONS,
  type RedoModuleAsyncOptions,
  RedoModuleClass,
  type RedoModuleExtras,
  type RedoModuleOptions,
} from './redo.module-definition.js';
import { REDO_OPTIONS, type RedoOptions, resolveOptions, type ResolvedRedoOptions } from './redo.options.js';
import { REDRIVE_PROVIDERS } from './redrive/redrive.providers.js';
import { RedriveScheduler } from './redrive/redrive.scheduler.js';
import { StartCheck } from './start.check.js';
import { type Database, REDO_DATA_SOURCE, REDO_DATABASE } from './store/database.js';
import { databaseOf } from './store/database.factory.js';

/**
 * Durable retries on the application's own database. Import it once, in the root module; it is global.
 *
 * @example
 * @Module({
 *   imports: [TypeOrmModule.forRoot(…), ScheduleModule.forRoot(), RedoModule.forRoot('order-service')],
 * })
 * export class AppModule {}
 */
@Module({
  imports: [DiscoveryModule],
  providers: [
    {
      provide: REDO_OPTIONS,
      inject: [REDO_MODULE_OPTIONS],
      useFactory: ({ applicationName, ...options }: RedoModuleOptions) => {
        if ('dataSource' in options) throw new RedoConfigurationError(dataSourceTooLate(options.dataSource));
        return resolveOptions(applicationName, options);
      },
    },
    {
      provide: REDO_DATABASE,
      inject: [REDO_DATA_SOURCE, REDO_OPTIONS],
      useFactory: (dataSource: DataSource, { lease }: ResolvedRedoOptions) => databaseOf(dataSource, lease),
    },
    RedoHandlerExplorer,
    RedoHandlerRegistry,
    RedoEvents,
    RedoLog,
    ...REDRIVE_PROVIDERS,
    StartCheck,
    TaskAdder,
    RedoManager,
  ],
  exports: [RedoManager, RedoHandlerRegistry, RedoEvents, REDO_OPTIONS, REDO_DATABASE],
})
export class RedoModule
  extends RedoModuleClass
  implements OnModuleInit, OnApplicationBootstrap, OnModuleDestroy, OnApplicationShutdown
{
  constructor(
    @Inject(REDO_DATABASE) private readonly database: Database,
    private readonly explorer: RedoHandlerExplorer,
    private readonly registry: RedoHandlerRegistry,
    private readonly startCheck: StartCheck,
    private readonly scheduler: RedriveScheduler,
    private readonly adder: TaskAdder,
    private readonly log: RedoLog,
    private readonly modules: ModulesContainer,
  ) {
    super();
  }

  /**
   * @param applicationName whose tasks these are; services that share a database have different names
   * @throws {RedoConfigurationError} an option is unknown or not allowed
   */
  static override forRoot(applicationName: string, options?: RedoOptions): DynamicModule;
  /** The form of `forRootAsync`'s factories. */
  static override forRoot(options: RedoModuleOptions & RedoModuleExtras): DynamicModule;
  static override forRoot(
    first: string | (RedoModuleOptions & RedoModuleExtras),
    options: RedoOptions = {},
  ): DynamicModule {
    const all = typeof first === 'object' && first !== null ? first : { ...options, applicationName: first };
    const { applicationName, ...rest } = all;
    resolveOptions(applicationName, rest);
    return withDataSource(super.forRoot(all), rest);
  }

  /** As `forRoot`, with options that have to be made or fetched: from a `ConfigService`, say. */
  static override forRootAsync(options: RedoModuleAsyncOptions): DynamicModule {
    return withDataSource(super.forRootAsync(options), options);
  }

  /** @throws {RedoConfigurationError} the module is imported twice, or a handler is not allowed */
  onModuleInit(): void {
    const imports = [...this.modules.values()].filter(({ metatype }) => metatype === RedoModule);
    if (imports.length > 1) throw new RedoConfigurationError(moduleImportedTwice());
    for (const { task, handle, place } of this.explorer.explore())
      this.registry.register(task, handle, place);
    this.log.start();
  }

  async onApplicationBootstrap(): Promise<void> {
    await this.startCheck.run();
    this.scheduler.start();
  }

  /** Before the data source is closed, and before what the handlers need is: Nest closes the root module's imports last. */
  async onModuleDestroy(): Promise<void> {
    await this.scheduler.stop();
  }

  /** Requests are served until here, and may add tasks. */
  async onApplicationShutdown(): Promise<void> {
    await this.adder.stop();
    await this.database.close();
  }
}

function withDataSource(module: DynamicModule, { dataSource }: RedoModuleExtras): DynamicModule {
  const provider: Provider = { provide: REDO_DATA_SOURCE, useExisting: getDataSourceToken(dataSource) };
  return { ...module, global: true, providers: [...(module.providers ?? []), provider] };
}
