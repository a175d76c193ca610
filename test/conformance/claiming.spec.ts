import { afterAll, afterEach, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { DatabaseTimeoutError, type RedoContext, RedoResult } from 'nestjs-redo';
import { forEachDatabase, forEachServer } from '../support/databases.js';
import {
  APPLICATION,
  createRedoDatabase,
  gate,
  rowOf,
  startApp,
  type TestApp,
  type TestAppOptions,
} from '../support/redo-app.js';
import { type Session, sessionsOf } from '../support/server-activity.js';
import { openConnection, type ServerConnection } from '../support/server-connection.js';
import { beginImmediate, commit, sqliteDriver } from '../support/sqlite-driver.js';
import { type LoggedStatement, StatementLog } from '../support/statement-log.js';
import { type TestDatabase } from '../support/test-database.js';
import { waitFor } from '../support/wait-for.js';

const range = (count: number) => Array.from({ length: count }, (_, index) => index);

forEachDatabase((database) => {
  let schema: TestDatabase;
  const apps: TestApp[] = [];
  const start = async (settings: TestAppOptions) => {
    const app = await startApp(schema, settings);
    apps.push(app);
    return app;
  };
  /** Adds, and redrives nothing. */
  const producer = (...types: string[]) =>
    start({ handlers: Object.fromEntries(types.map((type) => [type, {}])), options: { worker: false } });

  beforeAll(async () => {
    schema = await createRedoDatabase(database);
  });
  afterEach(async () => {
    jest.restoreAllMocks();
    await Promise.all(apps.splice(0).map((app) => app.close()));
    for (const table of ['tbl_redotask', 'tbl_redo_worker']) await schema.query(`DELETE FROM ${table}`);
  });
  afterAll(() => schema.drop());

  test('what others have is looked past, and found at once when they hand it back', async () => {
    const schedule = { cron: '0 0 0 1 1 *' };
    const adding = await producer('job');
    const stopping = await start({
      handlers: {
        job: {
          policy: { concurrency: 50 }, // so that it asks for no more while it has them
          handle: (_: unknown, { signal }: RedoContext) =>
            new Promise((_, reject) =>
              signal.addEventListener('abort', () => reject(signal.reason as Error)),
            ),
        },
      },
      options: { schedule, concurrency: 50, batchSize: 50, shutdownTimeout: 0 },
    });
    const other = await start({ handlers: { job: () => {} }, options: { schedule } });
    // Neither is about to look for the first time.
    await Promise.all([stopping.redo.redrive(), other.redo.redrive()]);
    await adding.redo.addRedoTasks('job', range(50));
    stopping.redo.redrive().catch(() => {});
    await waitFor(() => stopping.all('started').length === 50, { what: 'them to begin' });
    expect(await other.redo.redrive()).toMatchObject({ claimed: 0 });
    await adding.redo.addRedoTask('job', 'one more');
    expect(await other.redo.redrive()).toMatchObject({ claimed: 1 });
    await stopping.close();
    expect(await other.redo.redrive()).toMatchObject({ claimed: 50, succeeded: 50 });
  });

  /** What an instance that takes ten at a time sends to drain a backlog, from the first claim to the one that finds nothing more. */
  async function drainedInTens(count: number): Promise<StatementLog> {
    const log = new StatementLog();
    const app = await start({
      handlers: { job: () => {} },
      options: { schedule: { cron: '0 0 0 1 1 *' }, concurrency: 10, batchSize: 10 },
      dataSource: log.options(schema),
    });
    await app.redo.redrive();
    await (await producer('job')).redo.addRedoTasks('job', range(count));
    log.clear();
    expect(await app.redo.redrive()).toMatchObject({ claimed: count, succeeded: count });
    return log;
  }

  test('while there is more than it takes, a claim goes on where the last one ended; when nothing is left, it looks from the start', async () => {
    const log = await drainedInTens(50);
    // On PostgreSQL it is a number in the table of what is wanted, below any time where there is none.
    const goesOnAfter = ({ text, values }: LoggedStatement) =>
      database.kind === 'postgres'
        ? !String(values).includes('-9223372036854775808')
        : /next_exec_time >= /.test(text);
    const goesOn = log.matching(/'clock' AS kind/).map(goesOnAfter);
    expect(goesOn[0]).toBe(false);
    expect(goesOn).toContain(true);
    expect(goesOn.at(-1)).toBe(false);
  });

  test('the look from the start keeps no claim waiting: it is the last, and has no lock', async () => {
    const log = await drainedInTens(55);
    const claims = log
      .matching(/'clock' AS kind|(SELECT id FROM|UPDATE) tbl_pessimistic_lock/)
      .map(({ text }) => (text.includes('clock') ? 'look' : 'lock'));
    expect(claims.pop()).toBe('look');
    // Six that find something.
    expect(claims.length).toBeGreaterThanOrEqual(12);
    expect(claims).toEqual(claims.map((_, index) => (index % 2 === 0 ? 'lock' : 'look')));
  });

  test('what comes up behind the last place is found a second later, also while handlers run', async () => {
    const { passed, open } = gate();
    const adding = await producer('job');
    const late = await adding.redo.addRedoTask('job', 'late', { delay: 86_400_000 });
    // By its id: a server that reads all rows to find it locks them, and a settling passes locked rows over.
    const comesUpLate = () =>
      schema.query(`UPDATE tbl_redotask SET next_exec_time = 1 WHERE id = ${late.id}`);
    const begun: unknown[] = [];
    const app = await start({
      handlers: {
        job: async (params: unknown) => {
          begun.push(params);
          if (params === 'long') await passed;
          if (params !== 'last') return;
          // Its claim is the last one, which found less than it wanted; and the second since then is not over.
          await comesUpLate();
          jest.restoreAllMocks();
        },
      },
      options: { schedule: { cron: '0 0 0 1 1 *' }, concurrency: 10, batchSize: 10 },
    });
    await app.redo.redrive();
    await adding.redo.addRedoTasks('job', ['long', ...range(23), 'last']);
    jest.spyOn(performance, 'now').mockReturnValue(performance.now());
    const ended = app.redo.redrive();
    await waitFor(() => begun.includes('late'), { what: 'what came up late' });
    expect(app.all('succeeded').map(({ id }) => id)).not.toContain(app.all('started')[0]!.id);
    open();
    expect(await ended).toMatchObject({ claimed: 26, succeeded: 26 });
  });

  describe('of many types', () => {
    const types = range(25).map((index) => `job-${index}`);

    /** What each question of a pass asks for, first of all that of the look. */
    const askedFor = async (tasks: Readonly<Record<string, number>>): Promise<Set<string>[]> => {
      const log = new StatementLog();
      const app = await start({
        handlers: Object.fromEntries(types.map((type) => [type, () => {}])),
        options: { schedule: { cron: '0 0 0 1 1 *' }, concurrency: 100, batchSize: 100 },
        dataSource: log.options(schema),
      });
      await app.redo.redrive();
      const adding = await producer(...types);
      for (const [type, count] of Object.entries(tasks)) await adding.redo.addRedoTasks(type, range(count));
      log.clear();
      expect(await app.redo.redrive()).toMatchObject({ claimed: 50, succeeded: 50 });
      return log
        .matching(/'clock' AS kind/)
        .map(({ values }) => new Set(values.flatMap((value) => String(value).match(/\bjob-\d+\b/g) ?? [])));
    };

    test('a claim asks for ten, and the next one for those that follow', async () => {
      const [looked, ...claimed] = await askedFor(Object.fromEntries(types.map((type) => [type, 2])));
      expect(looked).toEqual(new Set(types));
      expect(claimed.slice(0, 2).map(({ size }) => size)).toEqual([10, 10]);
      expect(new Set(claimed.slice(0, 3).flatMap((some) => [...some]))).toEqual(new Set(types));
    });

    test('a claim asks for those alone that have anything', async () => {
      const [looked, ...claimed] = await askedFor({ 'job-7': 50 });
      expect(looked).toEqual(new Set(types));
      expect(claimed[0]).toEqual(new Set(['job-7']));
      expect(claimed.every(({ size }) => size <= 1)).toBe(true);
    });
  });

  describe('the lock row', () => {
    const locks = () =>
      schema.query<{ resource: string }>('SELECT resource FROM tbl_pessimistic_lock ORDER BY resource');

    test('is created by the library, one for each application', async () => {
      await schema.query('DELETE FROM tbl_pessimistic_lock');
      const one = await start({ handlers: { job: () => {} } });
      const other = await start({ handlers: { job: () => {} }, applicationName: 'another-service' });
      await one.redo.redrive();
      await other.redo.redrive();
      expect(await locks()).toEqual([
        { resource: 'nestjs-redo:another-service' },
        { resource: `nestjs-redo:${APPLICATION}` },
      ]);
    });

    test('deleted by hand is created again, and the work goes on', async () => {
      const app = await start({ handlers: { job: () => {} } });
      const before = await app.redo.addRedoTask('job', {});
      await app.told('succeeded', before.id);
      await schema.query('DELETE FROM tbl_pessimistic_lock');
      const [after] = await app.redo.addRedoTasks('job', [1, 2]);
      await app.told('succeeded', after!.id);
      expect(await locks()).toEqual([{ resource: `nestjs-redo:${APPLICATION}` }]);
      expect(app.all('trouble')).toEqual([]);
    });

    test('is locked before every claim', async () => {
      const log = new StatementLog();
      const app = await start({ handlers: { job: () => {} }, dataSource: log.options(schema) });
      const [task] = await app.redo.addRedoTasks('job', [1, 2]);
      await app.told('succeeded', task!.id);
      const texts = log.statements.map(({ text }) => text);
      const lock = texts.findIndex(
        (text) => /tbl_pessimistic_lock/.test(text) && /FOR UPDATE|^UPDATE/.test(text),
      );
      expect(lock).toBeGreaterThan(-1);
      expect(texts.slice(0, lock).some((text) => /UPDATE tbl_redo_worker/.test(text))).toBe(false);
    });
  });

  describe('free places are shared', () => {
    test('between the types that have due tasks: 500 of one do not starve 5 of another', async () => {
      const adding = await producer('many', 'few');
      await adding.redo.addRedoTasks('many', range(500));
      await adding.redo.addRedoTasks('few', range(5));
      const { passed, open } = gate();
      const app = await start({ handlers: { many: () => passed, few: () => passed } });
      await waitFor(() => app.all('started').length >= 10, { what: 'ten to begin' });
      expect(app.all('started').filter(({ redoTaskId }) => redoTaskId === 'few')).toHaveLength(5);
      open();
      await waitFor(async () => (await app.redo.count()) === 0, { what: 'all to end' });
    });

    test('and each type within its own concurrency, all within the module’s', async () => {
      const now = new Map<string, number>();
      const most = new Map<string, number>();
      const count = (type: string, change: number) => {
        now.set(type, (now.get(type) ?? 0) + change);
        most.set(type, Math.max(most.get(type) ?? 0, now.get(type)!));
      };
      const handle = (type: string) => async () => {
        for (const of of [type, 'all']) count(of, 1);
        await new Promise((resolve) => setTimeout(resolve, 2));
        for (const of of [type, 'all']) count(of, -1);
      };
      const adding = await producer('narrow', 'wide');
      await adding.redo.addRedoTasks('narrow', range(20));
      await adding.redo.addRedoTasks('wide', range(60));
      const app = await start({
        handlers: {
          narrow: { policy: { concurrency: 2 }, handle: handle('narrow') },
          wide: handle('wide'),
        },
        options: { concurrency: 6, batchSize: 6, schedule: { interval: 10 } },
      });
      await waitFor(async () => (await app.redo.count()) === 0, { what: 'all to end' });
      expect(Object.fromEntries(most)).toEqual({ narrow: 2, wide: expect.any(Number) as unknown, all: 6 });
      expect(most.get('wide')).toBeGreaterThanOrEqual(4);
    });

    test('one after another where the concurrency is 1, the longest due first', async () => {
      const order: number[] = [];
      let running = 0;
      const adding = await producer('job');
      const ids = (await adding.redo.addRedoTasks('job', range(30))).map(({ id }) => id);
      const app = await start({
        handlers: {
          job: async (_: never, { id }) => {
            running += 1;
            expect(running).toBe(1);
            order.push(id);
            await new Promise((resolve) => setImmediate(resolve));
            running -= 1;
          },
        },
        options: { concurrency: 1 },
      });
      await waitFor(async () => (await app.redo.count()) === 0, { what: 'all to end' });
      expect(order).toEqual(ids);
      expect(app.all('failed')).toEqual([]);
    });
  });

  describe('task types', () => {
    test('without a handler here are left untouched and shown as having none', async () => {
      const adding = await producer('known', 'unknown');
      const known = await adding.redo.addRedoTask('known', {});
      const unknown = await adding.redo.addRedoTask('unknown', {});
      const before = await rowOf(schema, unknown.id);
      const app = await start({ handlers: { known: () => {}, unknown: {} } });
      await app.redo.redrive();
      await app.redo.redrive();
      expect(await app.redo.get(known.id)).toBeNull();
      expect(await rowOf(schema, unknown.id)).toEqual(before);
      expect(await app.redo.get(unknown.id)).toMatchObject({ hasHandler: false, worker: null, attempts: 0 });
      const { types } = await app.redo.stats();
      expect(types.find(({ redoTaskId }) => redoTaskId === 'unknown')).toMatchObject({
        pending: 1,
        due: 1,
        hasHandler: false,
      });
    });

    test('of an old and a new version of the service run side by side, each where it is known', async () => {
      const ran: string[] = [];
      const run = (version: string) => (type: string) => void ran.push(`${version} ${type}`);
      const oldVersion = await start({
        handlers: { both: run('old'), retired: run('old') },
        options: { schedule: { interval: 20 } },
      });
      const newVersion = await start({
        handlers: { both: run('new'), introduced: run('new') },
        options: { schedule: { interval: 20 } },
      });
      const adding = await producer('both', 'retired', 'introduced');
      for (const type of ['both', 'retired', 'introduced'])
        await adding.redo.addRedoTasks(
          type,
          range(20).map(() => type),
        );
      await waitFor(async () => (await adding.redo.count()) === 0, { what: 'all to end' });
      expect(ran).toHaveLength(60);
      const of = (what: string) => ran.filter((each) => each === what).length;
      expect(of('old retired')).toBe(20);
      expect(of('new introduced')).toBe(20);
      expect(of('old both') + of('new both')).toBe(20);
      expect(oldVersion.all('failed')).toEqual([]);
      expect(newVersion.all('failed')).toEqual([]);
    });

    test('of another application in the same tables are its own', async () => {
      const ran: string[] = [];
      const one = await start({ handlers: { job: () => void ran.push('one') } });
      const other = await start({
        handlers: { job: () => void ran.push('other') },
        applicationName: 'another-service',
      });
      await one.redo.addRedoTask('job', {});
      await one.redo.redrive();
      await other.redo.redrive();
      expect(ran).toEqual(['one']);
    });
  });

  if (database.kind === 'sqlite')
    test('an instance that finds the file locked waits without stopping the process', async () => {
      const app = await start({ handlers: { job: () => RedoResult.SUCCESS } });
      const { id } = await app.redo.addRedoTask('job', {}, { delay: 40 });
      const stranger = new (sqliteDriver())(schema.url.slice('sqlite://'.length), { timeout: 0 });
      await waitFor(() => (beginImmediate(stranger), true), { what: 'the lock' });
      await waitFor(async () => (await app.redo.stats()).types[0]?.due === 1, { what: 'it to be due' });
      const pass = app.redo.redrive();
      for (const turn of range(20)) expect(await app.redo.count()).toBe(turn >= 0 ? 1 : 0);
      expect(app.all('started')).toEqual([]);
      commit(stranger);
      stranger.close();
      await pass;
      await app.told('succeeded', id);
    });

  if (database.kind === 'sqlite')
    test('an instance that loses its lease while its last write waits for the file writes nothing any more', async () => {
      const app = await start({
        handlers: { job: () => new Promise(() => {}) },
        options: { lease: 1_000, shutdownTimeout: 0 },
      });
      const { id } = await app.redo.addRedoTask('job', {});
      await app.told('started', id);
      const stranger = new (sqliteDriver())(schema.url.slice('sqlite://'.length), { timeout: 0 });
      await waitFor(() => (beginImmediate(stranger), true), { what: 'the lock' });
      const closed = app.close();
      await app.told('leaseLost');
      commit(stranger);
      stranger.close();
      await closed;
      const [worker] = await schema.query('SELECT running FROM tbl_redo_worker');
      expect(worker).toEqual({ running: JSON.stringify({ job: [[id, 1]] }) });
    });
});

forEachServer((database) => {
  let schema: TestDatabase;
  let app: TestApp;
  const start = async (settings: TestAppOptions) => (app = await startApp(schema, settings));
  const transactions = async () => (await sessionsOf(schema)).filter(({ inTransaction }) => inTransaction);

  beforeAll(async () => {
    schema = await createRedoDatabase(database);
  });
  let stranger: ServerConnection | undefined;
  afterEach(async () => {
    stranger?.close();
    await app.close();
    await schema.query('DELETE FROM tbl_redotask');
  });
  afterAll(() => schema.drop());

  test('a task that is committed late, due before those that were claimed meanwhile, runs in the same pass', async () => {
    const [added, committed] = [gate(), gate()];
    const schedule = { cron: '0 0 0 1 1 *' };
    await start({
      handlers: { job: () => committed.passed },
      options: { schedule, concurrency: 5, batchSize: 5 },
    });
    await app.redo.redrive();
    const late = app.dataSource.transaction(async (manager) => {
      await app.redo.addRedoTask('job', 'late', { manager });
      added.open();
      await waitFor(() => app.all('started').length === 5, { what: 'others to begin' });
    });
    await added.passed;
    await app.redo.addRedoTasks('job', range(40));
    const pass = app.redo.redrive();
    await late;
    committed.open();
    expect(await pass).toMatchObject({ claimed: 41, succeeded: 41 });
  });

  describe('a lock row that a stranger holds', () => {
    test('keeps everybody from claiming, and no connection waits for it', async () => {
      const log = new StatementLog();
      await start({
        handlers: { job: () => {} },
        dataSource: { ...log.options(schema), poolSize: 1 },
      });
      await waitFor(async () => (await app.redo.workers()).length === 1, { what: 'it to register' });
      stranger = await openConnection(schema.url);
      await stranger.query('BEGIN');
      await stranger.query('SELECT id FROM tbl_pessimistic_lock WHERE resource = ? FOR UPDATE', [
        `nestjs-redo:${APPLICATION}`,
      ]);
      const [task] = await app.redo.addRedoTasks('job', [1, 2]);
      const tries = () => log.count(/FROM tbl_pessimistic_lock .*FOR UPDATE/);
      const before = tries();
      const seen: Session[] = [];
      await waitFor(
        async () => {
          // The only connection of the pool answers.
          await app.dataSource.query('SELECT 1');
          seen.push(...(await transactions()));
          return tries() >= before + 12;
        },
        // The server brings that table up to date only for those who ask seldom.
        { what: 'twelve tries', interval: 150 },
      );
      expect(seen.length).toBeGreaterThan(0);
      expect(seen.filter(({ waits }) => waits)).toEqual([]);
      expect(app.all('started')).toEqual([]);
      expect(app.all('trouble')).toEqual([]);
      await stranger.query('ROLLBACK');
      await app.told('succeeded', task!.id);
    });
  });

  describe('while handlers run', () => {
    test('no connection is held and no transaction is open: a pool of 2 serves 10 handlers and the application', async () => {
      const { passed, open } = gate();
      await start({
        handlers: { job: () => passed, later: () => {} },
        options: { concurrency: 10 },
        dataSource: { poolSize: 2 },
      });
      await app.redo.addRedoTasks('job', range(10));
      await waitFor(() => app.all('started').length === 10, { what: 'ten handlers' });
      await waitFor(async () => (await transactions()).length === 0, {
        what: 'no transaction',
        interval: 150,
      });
      // Both connections at once are the application's.
      const [one, other] = [app.dataSource.createQueryRunner(), app.dataSource.createQueryRunner()];
      await Promise.all([one.connect(), other.connect()]);
      await Promise.all([one.release(), other.release()]);
      const added = await Promise.all(
        range(50).map(() => app.redo.addRedoTask('later', {}, { delay: 60_000 })),
      );
      expect(added).toHaveLength(50);
      expect(await app.redo.count()).toBe(60);
      expect(await app.redo.list({ redoTaskId: 'job' })).toHaveLength(10);
      expect((await app.redo.stats()).types.map(({ running }) => running)).toEqual([10, 0]);
      expect(await transactions()).toEqual([]);
      open();
      await waitFor(() => app.all('succeeded').length === 10, { what: 'ten to end' });
    });
  });

  test('a pass of many types does not end before their look is answered, which fails at first', async () => {
    const types = range(11).map((index) => `job-${index}`);
    await start({
      handlers: Object.fromEntries(types.map((type) => [type, () => {}])),
      options: { schedule: { cron: '0 0 0 1 1 *' } },
    });
    await app.redo.redrive();
    await app.redo.addRedoTask('job-3', {}, { delay: 3_600_000 });
    await schema.query(`UPDATE tbl_redotask SET next_exec_time = 1`);
    let failures = 2;
    const create = app.dataSource.createQueryRunner.bind(app.dataSource);
    app.dataSource.createQueryRunner = (mode) => {
      const runner = create(mode);
      const query = runner.query.bind(runner) as (...args: unknown[]) => Promise<unknown>;
      runner.query = ((text: string, ...rest: unknown[]) => {
        if (failures === 0 || !text.includes('AS kind')) return query(text, ...rest);
        failures -= 1;
        return Promise.reject(new Error('the network is down'));
      }) as typeof runner.query;
      return runner;
    };
    expect(await app.redo.redrive()).toMatchObject({ succeeded: 1 });
    expect(failures).toBe(0);
  });

  describe('a pool of 2 connections', () => {
    test('never hangs: 40 transactions of the application each add with their manager', async () => {
      let done = 0;
      await start({
        handlers: { job: () => app.dataSource.query('SELECT 1').then(() => void (done += 1)) },
        dataSource: { poolSize: 2 },
      });
      await Promise.all(
        range(40).map(() =>
          app.dataSource.transaction((manager) => app.redo.addRedoTask('job', {}, { manager })),
        ),
      );
      await waitFor(async () => (await app.redo.count()) === 0, { what: 'all to end' });
      expect(done).toBe(40);
    });

    test('is enough for a backlog that is claimed, begun and settled by the thousand at the same time', async () => {
      await start({
        handlers: { job: () => {} },
        options: { concurrency: 1_000, batchSize: 2_000 },
        dataSource: { poolSize: 2 },
      });
      await app.redo.addRedoTasks('job', range(6_000));
      // Not until none is left: the database knows of the last COMMIT before the worker tells of it.
      await waitFor(() => app.all('succeeded').length === 6_000, { what: 'all to end' });
      expect(await app.redo.count()).toBe(0);
      expect(app.all('trouble')).toEqual([]);
    });

    test('is not waited for by claims while hundreds are being settled on one of its connections', async () => {
      await start({ handlers: { job: () => {} }, options: { concurrency: 300, batchSize: 600 } });
      const { passed, open } = gate();
      const create = app.dataSource.createQueryRunner.bind(app.dataSource);
      app.dataSource.createQueryRunner = (mode) => {
        const runner = create(mode);
        const query = runner.query.bind(runner) as (...args: unknown[]) => Promise<unknown>;
        runner.query = (async (text: string, ...rest: unknown[]) => {
          if (/DELETE[\s\S]*tbl_redotask|tbl_redotask AS task[\s\S]*SKIP LOCKED/.test(text)) await passed;
          return query(text, ...rest);
        }) as typeof runner.query;
        return runner;
      };
      await app.redo.addRedoTasks('job', range(900));
      await waitFor(() => app.all('started').length === 600, { what: 'the next to begin' });
      expect(app.all('succeeded')).toEqual([]);
      open();
      await waitFor(() => app.all('succeeded').length === 900, { what: 'all to end' });
      expect(app.all('trouble')).toEqual([]);
    });

    test('with both inside transactions that add without their manager: an error says so instead of hanging', async () => {
      await start({
        handlers: { job: () => {} },
        options: { lease: 1_000 },
        dataSource: { poolSize: 2 },
      });
      const bothOpen = gate();
      let opened = 0;
      const results = await Promise.allSettled(
        range(2).map(() =>
          app.dataSource.transaction(async (manager) => {
            await manager.query('SELECT 1');
            if (++opened === 2) bothOpen.open();
            await bothOpen.passed;
            await app.redo.addRedoTask('job', {});
          }),
        ),
      );
      const refused = results.filter((result) => result.status === 'rejected');
      // The first to give up makes room for the other.
      expect(refused).not.toEqual([]);
      for (const { reason } of refused as { reason: unknown }[]) {
        expect(reason).toBeInstanceOf(DatabaseTimeoutError);
        expect((reason as Error).message).toContain('{ manager }');
      }
      const { id } = await app.redo.addRedoTask('job', {});
      await app.told('succeeded', id);
      const added = 1 + results.length - refused.length;
      await waitFor(() => app.all('succeeded').length === added, { what: 'all to be settled' });
      expect(await app.redo.count()).toBe(0);
    });
  });
});
