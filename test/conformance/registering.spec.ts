import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import {
  Controller,
  type DynamicModule,
  Inject,
  Injectable,
  Module,
  type ModuleMetadata,
  type OnModuleInit,
  type Type,
} from '@nestjs/common';
import { ModulesContainer } from '@nestjs/core';
import { ScheduleModule, SchedulerRegistry } from '@nestjs/schedule';
import { Test, type TestingModule } from '@nestjs/testing';
import { TypeOrmModule } from '@nestjs/typeorm';
import {
  REDRIVE_JOB,
  RedoConfigurationError,
  type RedoContext,
  RedoHandler,
  RedoHandlerRegistry,
  RedoManager,
  RedoModule,
  type RedoModuleOptions,
  type RedoOptions,
  RedoResult,
  RedoTask,
} from 'nestjs-redo';
import { DataSource } from 'typeorm';
import { forEachDatabase } from '../support/databases.js';
import { createRedoDatabase, gate, startApp, type TestApp } from '../support/redo-app.js';
import { type TestDatabase } from '../support/test-database.js';
import { waitFor } from '../support/wait-for.js';

const HOUR = 3_600_000;
const schedule = { interval: HOUR };
const heard: unknown[] = [];

@Injectable()
class Ledger {
  readonly name = 'ledger';
}

@Injectable()
class PartnerNotifier {
  constructor(@Inject(Ledger) private readonly ledger: Ledger) {}

  @RedoHandler('order.notify-partner', { maxAttempts: 8, timeout: 10_000 })
  async notify(params: { orderId: string }, task: RedoContext): Promise<RedoResult> {
    await Promise.resolve();
    heard.push({ ...params, by: this.ledger.name, attempt: task.attempt, limit: task.maxAttempts });
    return RedoResult.SUCCESS;
  }
}

abstract class Refunds {
  @RedoHandler('order.refund')
  refund(orderId: string): void {
    heard.push(`${this.currency} ${orderId}`);
  }
  protected abstract readonly currency: string;
}

@Injectable()
class EuroRefunds extends Refunds {
  protected readonly currency = 'EUR';
}

@Controller()
class OrderController {
  @RedoHandler('order.archive')
  archive(orderId: string): void {
    heard.push(`archived ${orderId}`);
  }
}

@Module({ providers: [PartnerNotifier, Ledger] })
class PartnerModule {}

@Module({ imports: [PartnerModule], providers: [EuroRefunds], controllers: [OrderController] })
class OrderModule {}

forEachDatabase((database) => {
  let schema: TestDatabase;
  let app: TestApp | undefined;
  let nest: TestingModule | undefined;
  /** An application of just these imports; what of it failed to start is closed. */
  const boot = async (
    imports: ModuleMetadata['imports'] = [],
    providers: ModuleMetadata['providers'] = [],
  ) => {
    nest = await Test.createTestingModule({ imports, providers })
      .setLogger({ log() {}, error() {}, warn() {} })
      .compile();
    await nest.init();
    return nest;
  };
  const typeOrm = () => TypeOrmModule.forRoot(schema.options());
  const runOne = async (application: TestingModule, type: string, params: unknown) => {
    const redo = application.get(RedoManager);
    const before = heard.length;
    await redo.addRedoTask(type, params);
    await waitFor(() => heard.length > before, { what: `a task of type ${type} to run` });
    return heard.at(-1);
  };

  beforeAll(async () => {
    schema = await createRedoDatabase(database);
  });
  afterEach(async () => {
    await app?.close();
    await nest?.close();
    app = nest = undefined;
    heard.length = 0;
    for (const table of ['tbl_redotask', 'tbl_redo_worker', 'tbl_redo_pause'])
      await schema.query(`DELETE FROM ${table}`);
  });
  afterAll(() => schema.drop());

  describe('a handler', () => {
    test('is registered by @RedoHandler on a provider of any module, with all it injects', async () => {
      app = await startApp(schema, { imports: [OrderModule] });
      expect(app.nest.get(RedoHandlerRegistry).ids()).toEqual([
        'order.archive',
        'order.notify-partner',
        'order.refund',
      ]);
      const { id } = await app.redo.addRedoTask('order.notify-partner', { orderId: '7' });
      expect((await app.redo.get(id)) ?? { maxAttempts: 8 }).toMatchObject({ maxAttempts: 8 });
      await app.told('succeeded', id);
      expect(heard).toEqual([{ orderId: '7', by: 'ledger', attempt: 1, limit: 8 }]);
    });

    test('may be inherited, and may stand on a controller', async () => {
      app = await startApp(schema, { imports: [OrderModule] });
      await app.told('succeeded', (await app.redo.addRedoTask('order.refund', '7')).id);
      await app.told('succeeded', (await app.redo.addRedoTask('order.archive', '8')).id);
      expect(heard).toEqual(['EUR 7', 'archived 8']);
    });

    test('is found once where one instance has several tokens', async () => {
      app = await startApp(schema, {
        providers: [Ledger, PartnerNotifier, { provide: 'alias', useExisting: PartnerNotifier }],
      });
      await app.told('succeeded', (await app.redo.addRedoTask('order.notify-partner', { orderId: '7' })).id);
      expect(heard).toHaveLength(1);
    });

    test('is registered programmatically, as the seed does it', async () => {
      @Injectable()
      class Registers implements OnModuleInit {
        constructor(@Inject(RedoHandlerRegistry) private readonly registry: RedoHandlerRegistry) {}
        onModuleInit() {
          const task = RedoTask.newBuilder('redoBiz1').maxAttempts(3).build();
          this.registry.register(task, async (params: { name: string }, context) => {
            await Promise.resolve();
            heard.push({ params, attempt: context.attempt });
            return RedoResult.BIZ_ERROR;
          });
        }
      }
      app = await startApp(schema, { providers: [Registers] });
      const { id } = await app.redo.addRedoTask('redoBiz1', { name: '张三' });
      expect(await app.told('failed', id)).toMatchObject({ attempt: 1, maxAttempts: 3 });
      expect(heard).toEqual([{ params: { name: '张三' }, attempt: 1 }]);
    });

    test('has the module’s `defaults` where its type sets nothing of its own', async () => {
      app = await startApp(schema, {
        options: { defaults: { maxAttempts: 2, backoff: { type: 'fixed', delay: 77_000 } } },
        handlers: {
          plain: () => RedoResult.BIZ_ERROR,
          own: { policy: { maxAttempts: 4 }, handle: () => RedoResult.BIZ_ERROR },
        },
      });
      const { id: plain } = await app.redo.addRedoTask('plain', 1);
      expect(await app.told('failed', plain)).toMatchObject({ maxAttempts: 2, delay: 77_000 });
      const { id: own } = await app.redo.addRedoTask('own', 1);
      expect(await app.told('failed', own)).toMatchObject({ maxAttempts: 4, delay: 77_000 });
    });

    test('a producer without the handler registers the definition alone: it adds, and another runs it', async () => {
      app = await startApp(schema, { handlers: { notify: { policy: { maxAttempts: 6 } } } });
      const { id } = await app.redo.addRedoTask('notify', 1);
      expect(await app.redo.redrive()).toMatchObject({ claimed: 0 });
      expect(await app.redo.get(id)).toMatchObject({ status: 'PENDING', maxAttempts: 6, hasHandler: false });
      const other = await startApp(schema, { handlers: { notify: () => {} } });
      await other.told('succeeded', id);
      await other.close();
    });
  });

  describe('concurrency', () => {
    /** Runs 12 tasks of each type through gated handlers and returns the most that ran at once, by type and in all. */
    const peaks = async (options: RedoOptions, ownConcurrency?: number) => {
      const running = { all: 0, one: 0, other: 0 };
      const most = { ...running };
      const count = (type: 'one' | 'other', change: number) => {
        running.all += change;
        running[type] += change;
        most.all = Math.max(most.all, running.all);
        most[type] = Math.max(most[type], running[type]);
      };
      const gates = [gate()];
      const handle = (type: 'one' | 'other') => async () => {
        count(type, 1);
        await gates[0]!.passed;
        count(type, -1);
      };
      app = await startApp(schema, {
        options,
        handlers: {
          one: { policy: { concurrency: ownConcurrency }, handle: handle('one') },
          other: handle('other'),
        },
      });
      const { redo } = app;
      await Promise.all(['one', 'other'].map((type) => redo.addRedoTasks(type, Array(12).fill(1))));
      const passed = redo.redrive();
      await app.told('started');
      gates[0]!.open();
      expect(await passed.then(() => redo.count())).toBe(0);
      return most;
    };

    test('is how many handlers run at once on this instance', async () => {
      expect((await peaks({ concurrency: 3 })).all).toBeLessThanOrEqual(3);
    });

    test('of a type is how many of its handlers run at once on this instance', async () => {
      const { one, all } = await peaks({ concurrency: 6 }, 2);
      expect(one).toBeLessThanOrEqual(2);
      expect(all).toBeLessThanOrEqual(6);
    });

    test('is used up: as many run at once where there is work', async () => {
      let running = 0;
      const held = gate();
      app = await startApp(schema, {
        options: { concurrency: 4 },
        handlers: {
          notify: async () => {
            running += 1;
            await held.passed;
          },
        },
      });
      await app.redo.addRedoTasks('notify', Array(9).fill(1));
      await waitFor(() => running === 4, { what: 'four handlers at once' });
      held.open();
      await app.redo.redrive();
      expect(await app.redo.count()).toBe(0);
    });
  });

  describe('the redrive job', () => {
    test.each<[string, RedoOptions['schedule']]>([
      ['interval', { interval: HOUR }],
      ['cron', { cron: '0 0 1 1 *' }],
    ])('is listed by SchedulerRegistry (%s), and gone after the application is closed', async (kind, of) => {
      const started = await startApp(schema, { options: { schedule: of } });
      const jobs = started.nest.get(SchedulerRegistry);
      expect(jobs.getIntervals()).toEqual(kind === 'interval' ? [REDRIVE_JOB] : []);
      expect([...jobs.getCronJobs().keys()]).toEqual(kind === 'cron' ? [REDRIVE_JOB] : []);
      const job = kind === 'cron' ? jobs.getCronJob(REDRIVE_JOB) : undefined;
      if (job) expect(job.isActive).toBe(true);
      await started.close();
      expect(jobs.getIntervals()).toEqual([]);
      expect(jobs.getCronJobs().size).toBe(0);
      if (job) expect(job.isActive).toBe(false);
    });

    test.each<[string, RedoOptions['schedule']]>([
      ['an interval', { interval: 10 }],
      ['cron', { cron: '* * * * * *' }],
    ])('finds by %s what other processes added', async (_, of) => {
      app = await startApp(schema, { options: { schedule: of }, handlers: { notify: () => {} } });
      const producer = await startApp(schema, { options: { worker: false }, handlers: { notify: {} } });
      await app.redo.redrive();
      const { id } = await producer.redo.addRedoTask('notify', 1);
      await app.told('succeeded', id);
      await producer.close();
    });

    test('never overlaps itself: a task that runs over many ticks runs once', async () => {
      const held = gate();
      app = await startApp(schema, {
        options: { schedule: { interval: 10 } },
        handlers: { slow: () => held.passed, quick: () => {} },
      });
      const { id } = await app.redo.addRedoTask('slow', 1);
      await app.told('started', id);
      for (let tick = 0; tick < 5; tick += 1) {
        // Only a tick finds a row that nobody here has added.
        await schema.query(
          `INSERT INTO tbl_redotask (redo_task_id, application_name, req_param) VALUES ('quick', 'order-service', '{"params":1}')`,
        );
        await waitFor(() => app!.all('succeeded').length > tick);
      }
      expect(app.all('started').filter((event) => event.id === id)).toHaveLength(1);
      held.open();
      await app.told('succeeded', id);
    });

    test('is not there with worker: false, which adds and does not redrive', async () => {
      app = await startApp(schema, { options: { worker: false }, handlers: { notify: () => {} } });
      expect(app.nest.get(SchedulerRegistry).getIntervals()).toEqual([]);
      const { id } = await app.redo.addRedoTask('notify', 1);
      await expect(app.redo.redrive()).rejects.toThrow('does not redrive');
      expect(await app.redo.workers()).toEqual([]);
      expect((await app.redo.get(id))?.status).toBe('PENDING');
    });
  });

  describe('the module', () => {
    test.each([true, false])(
      'needs ScheduleModule.forRoot(): a start-up error says what to add (worker: %s)',
      async (worker) => {
        await expect(boot([typeOrm(), RedoModule.forRoot('order-service', { worker })])).rejects.toThrow(
          'redo: @nestjs/schedule is not set up; add ScheduleModule.forRoot() to the imports of your root module (once)',
        );
      },
    );

    test('never imports ScheduleModule itself: there is one, the application’s', async () => {
      const application = await boot([
        typeOrm(),
        ScheduleModule.forRoot(),
        RedoModule.forRoot('order-service', { schedule }),
      ]);
      const modules = [...application.get(ModulesContainer).values()];
      expect(modules.filter(({ metatype }) => metatype === ScheduleModule)).toHaveLength(1);
    });

    test('is global: a module that does not import it injects RedoManager', async () => {
      @Injectable()
      class Orders {
        constructor(@Inject(RedoManager) readonly redo: RedoManager) {}
      }
      @Module({ providers: [Orders] })
      class Feature {}
      const application = await boot([
        typeOrm(),
        ScheduleModule.forRoot(),
        RedoModule.forRoot('order-service', { schedule }),
        Feature,
      ]);
      expect(application.get(Orders, { strict: false }).redo).toBe(application.get(RedoManager));
    });

    test('imported twice is a start-up error', async () => {
      const twice = [RedoModule.forRoot('one', { schedule }), RedoModule.forRoot('two', { schedule })];
      await expect(boot([typeOrm(), ScheduleModule.forRoot(), ...twice])).rejects.toThrow(
        'redo: RedoModule is imported more than once',
      );
    });

    test('refuses a wrong option at start-up, in forRoot at once and in a factory’s result', async () => {
      const wrong = { applicationName: 'order-service', lease: 5 };
      expect(() => RedoModule.forRoot('order-service', { lease: 5 })).toThrow(RedoConfigurationError);
      await expect(boot([ScheduleModule.forRoot(), ...badFactory(wrong)])).rejects.toThrow(
        'redo: options.lease is 5; allowed: an integer from 1000 to 2147483647 ms',
      );
      await expect(
        boot([ScheduleModule.forRoot(), ...badFactory({ ...wrong, lease: 5_000, lese: 1 })]),
      ).rejects.toThrow("redo: options has no option 'lese'");
    });

    test('refuses a dataSource that a factory returns: it comes too late, and says where to put it', async () => {
      const late = { applicationName: 'order-service', dataSource: 'tasks' };
      await expect(boot([ScheduleModule.forRoot(), ...badFactory(late)])).rejects.toThrow(
        'options.dataSource',
      );
    });

    /** Without a database: what fails while Nest compiles can't be closed. */
    function badFactory(options: object): (DynamicModule | Type)[] {
      @Module({ providers: [{ provide: DataSource, useValue: {} }], exports: [DataSource] })
      class NoDatabase {}
      return [
        { module: NoDatabase, global: true },
        RedoModule.forRootAsync({ useFactory: () => options as RedoModuleOptions }),
      ];
    }
  });

  describe('forRootAsync', () => {
    @Injectable()
    class ConfigService {
      get(key: string): string {
        return { APPLICATION: 'configured-service', CONCURRENCY: '2' }[key] ?? '';
      }
    }
    @Module({ providers: [ConfigService], exports: [ConfigService] })
    class ConfigModule {}
    @Injectable()
    class RedoConfig {
      constructor(@Inject(ConfigService) private readonly config: ConfigService) {}
      createRedoOptions(): RedoModuleOptions {
        return { applicationName: this.config.get('APPLICATION'), schedule };
      }
    }
    @Module({ imports: [ConfigModule], providers: [RedoConfig], exports: [RedoConfig] })
    class RedoConfigModule {}

    const variants: Record<string, () => DynamicModule> = {
      'useFactory, with what it injects': () =>
        RedoModule.forRootAsync({
          imports: [ConfigModule],
          inject: [ConfigService],
          useFactory: async (config: ConfigService) => {
            await Promise.resolve();
            return {
              applicationName: config.get('APPLICATION'),
              concurrency: Number(config.get('CONCURRENCY')),
              schedule,
            };
          },
        }),
      useClass: () => RedoModule.forRootAsync({ imports: [ConfigModule], useClass: RedoConfig }),
      useExisting: () => RedoModule.forRootAsync({ imports: [RedoConfigModule], useExisting: RedoConfig }),
    };

    test.each(Object.entries(variants))('%s', async (_, redoModule) => {
      const application = await boot([typeOrm(), ScheduleModule.forRoot(), redoModule(), OrderModule]);
      expect(await runOne(application, 'order.refund', '7')).toBe('EUR 7');
      const { id } = await application.get(RedoManager).addRedoTask('order.refund', '8', { delay: HOUR });
      expect(await schema.query('SELECT application_name FROM tbl_redotask WHERE id = ?', [id])).toEqual([
        { application_name: 'configured-service' },
      ]);
    });
  });

  describe('dataSource', () => {
    const named = () => TypeOrmModule.forRoot({ ...schema.options(), name: 'tasks' });

    test.each<[string, () => DynamicModule]>([
      ['forRoot', () => RedoModule.forRoot('order-service', { dataSource: 'tasks', schedule })],
      [
        'forRootAsync',
        () =>
          RedoModule.forRootAsync({
            dataSource: 'tasks',
            useFactory: () => ({ applicationName: 'order-service', schedule }),
          }),
      ],
    ])('names the TypeORM data source to work on (%s)', async (_, redoModule) => {
      const elsewhere = await database.create();
      try {
        const application = await boot([
          TypeOrmModule.forRoot(elsewhere.options()),
          named(),
          ScheduleModule.forRoot(),
          redoModule(),
          OrderModule,
        ]);
        expect(await runOne(application, 'order.refund', '7')).toBe('EUR 7');
        const inOther = application
          .get(DataSource)
          .transaction((manager) => application.get(RedoManager).addRedoTask('order.refund', 1, { manager }));
        await expect(inOther).rejects.toThrow('belongs to another data source');
      } finally {
        await nest?.close();
        nest = undefined;
        await elsewhere.drop();
      }
    });
  });
});
