import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { Injectable, Scope } from '@nestjs/common';
import {
  InvalidRedoTaskError,
  MissingTablesError,
  RedoConfigurationError,
  RedoHandler,
  RedoHandlerRegistry,
  RedoTask,
  UnknownTaskTypeError,
} from 'nestjs-redo';
import { forEachDatabase } from '../support/databases.js';
import {
  createRedoDatabase,
  migrate,
  startApp,
  type TestApp,
  type TestAppOptions,
} from '../support/redo-app.js';
import { type ExtraOptions, type TestDatabase } from '../support/test-database.js';

const definition = {};
const DAY = 24 * 3_600_000;
const TEN_YEARS = 315_576_000_000;

class Money {
  readonly #amount = 7;
  readonly currency = 'EUR';
  toJSON() {
    return `${this.#amount} ${this.currency}`;
  }
}
class Order {
  readonly items = new Map([['a', 1]]);
}
class Hidden {
  readonly shown = 1;
  constructor() {
    Object.defineProperty(this, 'secret', { value: 2, enumerable: false });
  }
}
const cycle: Record<string, unknown> = { name: 'loop' };
cycle['children'] = [{ parent: cycle }];

/** What is not JSON-safe, and the path and reason that the error names. */
const NOT_JSON: Record<string, [value: unknown, message: string]> = {
  'an undefined root': [undefined, 'params is undefined'],
  'a BigInt': [{ order: { totals: [1, 12n] } }, 'params.order.totals[1] is a BigInt'],
  'a cycle': [cycle, 'params.children[0].parent refers back'],
  'a function': [{ then: () => {} }, 'params.then is a function'],
  'a function as root': [() => {}, 'params is a function'],
  'a symbol': [[Symbol('x')], 'params[0] is a symbol'],
  'undefined in an array': [['a', undefined], 'params[1] is undefined'],
  NaN: [{ price: NaN }, 'params.price is NaN'],
  Infinity: [{ 'unit price': -Infinity }, 'params["unit price"] is -Infinity'],
  'a Date': [{ at: new Date(0) }, 'params.at is a Date'],
  'a Map': [{ map: new Map() }, 'params.map is a Map'],
  'a Buffer': [{ file: Buffer.from('x') }, 'params.file is a Buffer'],
  'an Error': [new Error('x'), 'params is a Error'],
  'a class instance that turns into something else': [{ price: new Money() }, 'params.price is a Money'],
  'a class instance with lossy fields': [new Order(), 'params.items is a Map'],
  'a class instance with hidden fields': [{ one: new Hidden() }, 'params.one is a Hidden with hidden fields'],
  'symbol keys': [{ [Symbol('x')]: 1 }, 'params has symbol keys'],
  'an array with named properties': [Object.assign([1], { name: 'x' }), 'params is an array with named'],
};

forEachDatabase((database) => {
  let schema: TestDatabase;
  let app: TestApp;

  beforeAll(async () => {
    schema = await createRedoDatabase(database);
  });
  afterAll(() => schema.drop());

  describe('adding refuses, and adds nothing:', () => {
    beforeAll(async () => {
      app = await startApp(schema, { handlers: { notify: definition, refund: () => {} } });
    });
    afterEach(async () => {
      const left = await app.redo.count();
      await schema.query('DELETE FROM tbl_redotask');
      expect(left).toBe(0);
    });
    afterAll(() => app.close());

    const add = (params: unknown, options?: unknown) =>
      app.redo.addRedoTask('notify', params, options as object);
    const refusal = async (adding: Promise<unknown>) => {
      const error = await adding.then(
        () => new Error('it was added'),
        (reason: Error) => reason,
      );
      expect(error).toBeInstanceOf(InvalidRedoTaskError);
      return error.message;
    };

    test.each(Object.entries(NOT_JSON))(
      'parameters with %s, naming the path',
      async (_, [value, message]) => {
        expect(await refusal(add(value))).toContain(message);
        expect(await refusal(app.redo.addRedoTasks('notify', [1, value]))).toContain(
          'paramsList[1] is refused',
        );
        const inTransaction = app.dataSource.transaction((manager) => add(value, { manager }));
        expect(await refusal(inTransaction)).toContain(message);
      },
    );

    test('parameters nested too deeply for JSON', async () => {
      let deep: unknown = 1;
      for (let depth = 0; depth < 100_000; depth += 1) deep = [deep];
      expect(await refusal(add(deep))).toContain('nested too deeply');
    });

    test('parameters that are too large, naming size and limit', async () => {
      expect(await refusal(add('x'.repeat(262_143)))).toBe(
        'redo: the parameters are 262145 bytes of JSON; allowed: at most 262144 (option maxPayloadBytes). Store the data in a table of yours and pass its id',
      );
    });

    test('an id that nothing registers, listing the known ids', async () => {
      for (const adding of [app.redo.addRedoTask('notfy', 1), app.redo.addRedoTasks('notfy', [1])]) {
        const error = await adding.catch((reason: Error) => reason);
        expect(error).toBeInstanceOf(UnknownTaskTypeError);
        expect((error as Error).message).toBe(
          "redo: no handler for task type 'notfy'; registered: notify, refund",
        );
      }
      for (const id of ['', 'x'.repeat(65), undefined, 7, null, 'constructor', 'Notify', 'notify '])
        await expect(app.redo.addRedoTask(id as string, 1)).rejects.toThrow(UnknownTaskTypeError);
    });

    test('an expiredDate in the past, by the database’s clock', async () => {
      expect(await refusal(add(1, { expiredDate: new Date(Date.now() - DAY) }))).toMatch(
        /expiredDate \d{4}-.*Z is in the past \(the database's clock says \d{4}-.*Z\); allowed: a later instant/,
      );
      expect(await refusal(app.redo.addRedoTasks('notify', [1], { expiredDate: new Date(0) }))).toContain(
        'is in the past',
      );
      const inTransaction = app.dataSource.transaction((manager) =>
        add(1, { manager, expiredDate: new Date(0) }),
      );
      expect(await refusal(inTransaction)).toContain('is in the past');
    });

    test('a delay or runAt beyond 10 years', async () => {
      expect(await refusal(add(1, { delay: TEN_YEARS + 1 }))).toBe(
        'redo: options.delay is 315576000001; allowed: an integer from 0 to 315576000000 ms',
      );
      const runAt = new Date(Date.now() + TEN_YEARS + DAY);
      expect(await refusal(add(1, { runAt }))).toBe(
        `redo: runAt ${runAt.toISOString()} is more than 10 years ahead; allowed: up to 10 years`,
      );
    });

    const date = 'a valid Date';
    const limit = 'an integer from 1 to 2147483647';
    const delay = 'an integer from 0 to 315576000000 ms';
    const expiry = 'an integer from 1 to 315576000000 ms';
    const key = 'a string of 1 to 255 characters';
    test.each<[string, unknown, string]>([
      ['delay', -1, delay],
      ['delay', NaN, delay],
      ['delay', 1.5, delay],
      ['delay', Infinity, delay],
      ['delay', '5', delay],
      ['runAt', new Date(NaN), date],
      ['runAt', '2031-01-01', date],
      ['runAt', 5, date],
      ['expiredDate', new Date(NaN), date],
      ['expiredDate', 1, date],
      ['expiresIn', 0, expiry],
      ['expiresIn', -5, expiry],
      ['expiresIn', NaN, expiry],
      ['expiresIn', TEN_YEARS + 1, expiry],
      ['maxAttempts', 0, limit],
      ['maxAttempts', -1, limit],
      ['maxAttempts', 2.5, limit],
      ['maxAttempts', 2_147_483_648, limit],
      ['maxAttempts', '3', limit],
      ['tryForever', 'yes', 'true or false'],
      ['tryForever', 1, 'true or false'],
      ['dedupeKey', '', key],
      ['dedupeKey', 'x'.repeat(256), key],
      ['dedupeKey', 7, key],
      ['dedupeKey', null, key],
      ['manager', 'yes', 'an EntityManager or QueryRunner'],
      ['manager', null, 'an EntityManager or QueryRunner'],
    ])('the option %s: %p, naming option, value and what is allowed', async (option, value, allowed) => {
      const message = await refusal(add(1, { [option]: value }));
      expect(message).toMatch(new RegExp(`^redo: options\\.${option} is .+; allowed: `, 's'));
      expect(message).toContain(allowed);
      const listed = await refusal(app.redo.addRedoTasks('notify', [1], { [option]: value }));
      expect(listed).toContain(`options.${option} is `);
    });

    test('an option that does not exist, naming those that do', async () => {
      expect(await refusal(add(1, { dely: 5 }))).toBe(
        "redo: options has no option 'dely'; allowed: maxAttempts, tryForever, expiredDate, expiresIn, manager, delay, runAt, dedupeKey",
      );
      for (const options of [null, 5, 'delay', [1]])
        expect(await refusal(add(1, options))).toContain('redo: options is ');
      expect(await refusal(add(1, { constructor: 5 }))).toContain("has no option 'constructor'");
    });

    test('options that contradict each other', async () => {
      expect(await refusal(add(1, { delay: 1, runAt: new Date() }))).toBe(
        'redo: options sets both delay and runAt; allowed: one of them',
      );
      expect(await refusal(add(1, { expiresIn: 1, expiredDate: new Date() }))).toBe(
        'redo: options sets both expiredDate and expiresIn; allowed: one of them',
      );
    });

    test('for addRedoTasks: what is no array, one dedupeKey for all, a bad key of one element', async () => {
      const addMany = app.redo.addRedoTasks.bind(app.redo) as (...args: unknown[]) => Promise<unknown>;
      expect(await refusal(addMany('notify', { length: 1 }))).toContain('paramsList is ');
      expect(await refusal(addMany('notify', 'abc'))).toContain('paramsList is ');
      expect(await refusal(addMany('notify', [1], { dedupeKey: 'k' }))).toContain(
        "options.dedupeKey is 'k'; allowed: a function (params, index) => string",
      );
      expect(
        await refusal(addMany('notify', [1, 2, 3], { dedupeKey: (n: number) => 'x'.repeat(254 + n) })),
      ).toMatch(
        /paramsList\[1\] is refused: options\.dedupeKey is 'x+.*; allowed: a string of 1 to 255 characters/s,
      );
      const throwing = () => {
        throw new Error('no key for you');
      };
      expect(await refusal(addMany('notify', [1], { dedupeKey: throwing }))).toContain(
        'paramsList[0] is refused: no key for you',
      );
    });

    describe('a manager', () => {
      const finished = 'options.manager is of a transaction that is finished; allowed: ';

      test('whose transaction was rolled back', async () => {
        const runner = app.dataSource.createQueryRunner();
        await runner.startTransaction();
        await app.redo.addRedoTask('notify', 1, { manager: runner });
        await runner.rollbackTransaction();
        expect(await refusal(add(1, { manager: runner }))).toContain(finished);
        expect(await refusal(add(1, { manager: runner.manager }))).toContain(finished);
        await runner.release();
        expect(await refusal(add(1, { manager: runner }))).toContain(finished);
      });

      test('whose transaction is committed', async () => {
        const manager = await app.dataSource.transaction((inside) => Promise.resolve(inside));
        expect(await refusal(add(1, { manager }))).toContain(finished);
        expect(await refusal(app.redo.addRedoTasks('notify', [1, 2], { manager }))).toContain(finished);
      });

      test('without a transaction', async () => {
        expect(await refusal(add(1, { manager: app.dataSource.manager }))).toContain(
          'options.manager is not in a transaction',
        );
        const runner = app.dataSource.createQueryRunner();
        expect(await refusal(add(1, { manager: runner }))).toContain('options.manager is ');
        await runner.release();
        expect(await refusal(add(1, { manager: {} }))).toContain('options.manager is not in a transaction');
      });

      test('of another data source', async () => {
        const other = await startApp(schema, { handlers: { notify: definition } });
        const adding = other.dataSource.transaction((manager) => add(1, { manager }));
        expect(await refusal(adding)).toContain('options.manager belongs to another data source');
        await other.close();
      });
    });
  });

  describe('start-up refuses, naming class and method:', () => {
    const refusal = async (settings: TestAppOptions) => {
      const error = await startApp(schema, settings).then(
        async (started) => {
          await started.close();
          return new Error('it started');
        },
        (reason: Error) => reason,
      );
      expect(error).toBeInstanceOf(RedoConfigurationError);
      return error.message;
    };

    test('two handlers for one id', async () => {
      @Injectable()
      class PartnerNotifier {
        @RedoHandler('order.notify')
        notify() {}
      }
      @Injectable()
      class OtherNotifier {
        @RedoHandler('order.notify')
        tell() {}
      }
      expect(await refusal({ providers: [PartnerNotifier, OtherNotifier] })).toBe(
        "redo: two handlers for task type 'order.notify': PartnerNotifier.notify and OtherNotifier.tell; allowed: one",
      );

      @Injectable()
      class Registers {
        constructor(private readonly registry: RedoHandlerRegistry) {}
        onModuleInit() {
          this.registry.register(RedoTask.define('order.notify'), () => {});
        }
      }
      expect(await refusal({ providers: [PartnerNotifier, Registers] })).toMatch(
        /two handlers for task type 'order.notify': .*PartnerNotifier\.notify/,
      );
    });

    test('two handlers for one id in one class', async () => {
      @Injectable()
      class Twice {
        @RedoHandler('order.notify')
        notify() {}
        @RedoHandler('order.notify')
        again() {}
      }
      expect(await refusal({ providers: [Twice] })).toContain('Twice.notify and Twice.again');
    });

    test.each([
      ['request', Scope.REQUEST],
      ['transient', Scope.TRANSIENT],
    ])('a handler in a %s-scoped provider', async (_, scope) => {
      @Injectable({ scope })
      class ScopedNotifier {
        @RedoHandler('order.notify')
        notify() {}
      }
      expect(await refusal({ providers: [ScopedNotifier] })).toBe(
        "redo: handler ScopedNotifier.notify of task type 'order.notify' is in a request- or transient-scoped provider, of which there is no one instance to call; move it to a provider of default scope",
      );
    });

    test('a handler in a provider that is made per request because of what it injects', async () => {
      @Injectable({ scope: Scope.REQUEST })
      class Tenant {}
      @Injectable()
      class TenantNotifier {
        constructor(readonly tenant: Tenant) {}
        @RedoHandler('order.notify')
        notify() {}
      }
      expect(await refusal({ providers: [Tenant, TenantNotifier] })).toContain(
        'handler TenantNotifier.notify',
      );
    });

    test.each(['', 'x'.repeat(65), ' notify', 7 as unknown as string])('the id %p', async (id) => {
      @Injectable()
      class PartnerNotifier {
        @RedoHandler(id)
        notify() {}
      }
      const allowed = 'allowed: a string of 1 to 64 characters without white space at its ends';
      const message = await refusal({ providers: [PartnerNotifier] });
      expect(message).toContain('@RedoHandler on PartnerNotifier.notify: redoTaskId is ');
      expect(message).toContain(allowed);
      expect(() => RedoTask.newBuilder(id).build()).toThrow(allowed);
    });

    test('a policy value that is not allowed', async () => {
      @Injectable()
      class PartnerNotifier {
        @RedoHandler('order.notify', { maxAttempts: 0 })
        notify() {}
      }
      expect(await refusal({ providers: [PartnerNotifier] })).toBe(
        'redo: @RedoHandler on PartnerNotifier.notify.maxAttempts is 0; allowed: an integer from 1 to 2147483647',
      );
    });
  });

  test('an id of 64 characters is allowed', async () => {
    const id = '重'.repeat(63) + '😀';
    const started = await startApp(schema, { handlers: { [id]: () => {} } });
    const added = await started.redo.addRedoTask(id, 1);
    await started.told('succeeded', added.id);
    await started.close();
  });

  describe('without the tables', () => {
    test('the application does not start; the error says to run the migrations, and then it does', async () => {
      const empty = await database.create();
      for (const worker of [true, false]) {
        const error = await startApp(empty, { options: { worker } }).catch((reason: Error) => reason);
        expect(error).toBeInstanceOf(MissingTablesError);
        expect((error as Error).message).toMatch(
          /^redo: the tables are missing in .+; run the migrations: add redoMigrations of 'nestjs-redo\/migrations' to your data source and run `typeorm migration:run`, or set migrationsRun$/,
        );
      }
      await migrate(empty);
      const started = await startApp(empty, { handlers: { notify: () => {} } });
      await started.told('succeeded', (await started.redo.addRedoTask('notify', 1)).id);
      await started.close();
      await empty.drop();
    });

    if (database.kind !== 'sqlite')
      test('the error names the database, also where the data source has a URL and nothing else', async () => {
        const empty = await database.create();
        const nothingElse = { host: undefined, port: undefined, username: undefined, database: undefined };
        const byUrl = { ...nothingElse, url: empty.url } as ExtraOptions;
        await expect(startApp(empty, { dataSource: byUrl })).rejects.toThrow(
          `the tables are missing in ${database.kind} database '${new URL(empty.url).pathname.slice(1)}'`,
        );
        await empty.drop();
      });

    test('that somebody dropped later, every call says so', async () => {
      const other = await createRedoDatabase(database);
      const started = await startApp(other, { handlers: { notify: () => {} } });
      try {
        for (const table of ['tbl_redotask', 'tbl_redo_worker', 'tbl_redo_pause', 'tbl_pessimistic_lock'])
          await other.query(`DROP TABLE ${table}`);
        const { redo, dataSource } = started;
        const calls = [
          () => redo.addRedoTask('notify', 1),
          () => dataSource.transaction((manager) => redo.addRedoTask('notify', 1, { manager })),
          () => redo.addRedoTasks('notify', [1, 2]),
          () => redo.addRedoTask('notify', 1, { dedupeKey: 'k' }),
          () => redo.get(1),
          () => redo.list(),
          () => redo.count(),
          () => redo.stats(),
          () => redo.workers(),
          () => redo.retry(1),
          () => redo.discard(1, 'no'),
          () => redo.pause('notify'),
          () => redo.resume('notify'),
        ];
        const errors: unknown[] = [];
        for (const call of calls) errors.push(await call().catch((error: Error) => error.name));
        expect(errors).toEqual(calls.map(() => 'MissingTablesError'));
      } finally {
        await started.close();
        await other.drop();
      }
    });
  });
});
