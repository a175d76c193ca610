import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { type RedoContext, RedoHandlerRegistry, RedoResult, RedoTask } from 'nestjs-redo';
import type { QueryRunner } from 'typeorm';
import { forEachDatabase, forEachServer } from '../support/databases.js';
import {
  createRedoDatabase,
  gate,
  passTime,
  rowOf,
  startApp,
  type TestApp,
  type TestAppOptions,
} from '../support/redo-app.js';
import { sessionsOf, winDeadlocks } from '../support/server-activity.js';
import { sqliteDriver } from '../support/sqlite-driver.js';
import { StatementLog } from '../support/statement-log.js';
import { type ExtraOptions, type TestDatabase } from '../support/test-database.js';
import { waitFor } from '../support/wait-for.js';

const HOUR = 3_600_000;
/** What nobody here knows of is found soon. */
const schedule = { interval: 20 };
const LEASE = 1_500;
const range = (count: number) => Array.from({ length: count }, (_, index) => index);
/** InnoDB refreshes what it tells about its locks only if nobody has asked for 100 ms. */
const SLOWLY = { interval: 150 };
const TABLES = ['tbl_redotask', 'tbl_redo_worker'];

forEachDatabase((database) => {
  let schema: TestDatabase;
  const apps: TestApp[] = [];
  const start = async (settings: TestAppOptions) => {
    const app = await startApp(schema, settings);
    apps.push(app);
    return app;
  };

  beforeAll(async () => {
    schema = await createRedoDatabase(database);
  });
  afterEach(async () => {
    await Promise.all(apps.splice(0).map((app) => app.close()));
    for (const table of TABLES) await schema.query(`DELETE FROM ${table}`);
  });
  afterAll(() => schema.drop());

  describe('free slots', () => {
    test.each([1, 3])(
      'are shared between the types that have due tasks, also where they come one at a time: concurrency %i',
      async (concurrency) => {
        const ends: (() => void)[] = [];
        const handle = () => {
          const { passed, open } = gate();
          ends.push(open);
          return passed;
        };
        const app = await start({
          handlers: { a: handle, b: handle },
          // An instance that keeps nothing in stock asks for one task when one slot is free.
          options: { concurrency, batchSize: concurrency },
        });
        await app.dataSource.transaction(async (manager) => {
          await app.redo.addRedoTasks('a', range(12), { manager });
          await app.redo.addRedoTasks('b', range(12), { manager });
        });
        const begun = { a: 0, b: 0 };
        for (let turn = 0; turn < 24; turn += 1) {
          await waitFor(() => ends.length > turn, { what: `handler ${turn}`, interval: 1 });
          begun[app.all('started')[turn]!.redoTaskId as 'a' | 'b'] += 1;
          expect(Math.abs(begun.a - begun.b)).toBeLessThanOrEqual(concurrency);
          ends[turn]!();
        }
        await waitFor(() => app.all('succeeded').length === 24, { what: 'all to succeed' });
      },
    );
  });

  describe('a task that is added', () => {
    test('a few microtasks after another is written as that one is', async () => {
      const app = await start({ handlers: { job: {} }, options: { worker: false } });
      for (let apart = 0; apart <= 40; apart += 1) {
        let added = 0;
        const add = async () => {
          await app.redo.addRedoTask('job', apart);
          added += 1;
        };
        const one = add();
        for (let microtask = 0; microtask < apart; microtask += 1) await Promise.resolve();
        const other = add();
        await waitFor(() => added === 2, { what: `two tasks added ${apart} microtasks apart`, interval: 1 });
        await Promise.all([one, other]);
      }
      expect(await app.redo.count()).toBe(82);
    });

    test('with others, their keys in the opposite order of another list at that moment: one of each key', async () => {
      const settings = { handlers: { job: {} }, options: { worker: false } };
      const [one, other] = [await start(settings), await start(settings)];
      for (let round = 0; round < 5; round += 1) {
        const keys = range(60).map((key) => `${round}-${key}`);
        const dedupeKey = (key: string) => key;
        const lists = await Promise.all(
          [one, other, one, other].map(async (app, index) => {
            const order = index < 2 ? keys : [...keys].reverse();
            const added = await app.redo.addRedoTasks('job', index % 2 ? order : order.slice(10), {
              dedupeKey,
            });
            return added.map((task, at) => ({ ...task, key: (index % 2 ? order : order.slice(10))[at]! }));
          }),
        );
        const all = lists.flat();
        const created = all.filter((task) => task.created);
        expect(created.map(({ key }) => key).sort()).toEqual([...keys].sort());
        const idOf = new Map(created.map(({ key, id }) => [key, id]));
        for (const { key, id } of all) expect(id).toBe(idOf.get(key));
      }
      expect(await one.redo.count()).toBe(300);
    });
  });

  describe('a person’s command', () => {
    test('beside handlers that end all the time is carried out, and does no harm', async () => {
      const policy = { maxAttempts: 3, backoff: { type: 'fixed', delay: 0 } } as const;
      const handle = (n: number, { attempt }: RedoContext) => {
        if (n % 3 === 0 || attempt < n % 3) throw new Error('as ordered');
      };
      const app = await start({
        handlers: { a: { policy, handle }, b: { policy, handle } },
        options: { retention: { succeeded: HOUR }, concurrency: 20, schedule },
      });
      const person = await start({ handlers: { a: {}, b: {} }, options: { worker: false } });
      const dedupeKey = (n: number) => `key ${n}`;
      const a = await app.redo.addRedoTasks('a', range(60), { dedupeKey });
      const b = await app.redo.addRedoTasks('b', range(60));
      const ids = [...a, ...b].map(({ id }) => id);
      for (let round = 0; round < 8; round += 1)
        await Promise.all([
          person.redo.retry({ redoTaskId: 'a' }),
          person.redo.discard({ ids: [...ids].reverse().filter((id) => id % 5 === round % 5) }, 'enough'),
          person.redo.retry({ redoTaskId: 'b' }),
          person.redo.addRedoTasks('a', range(20), { dedupeKey }),
        ]);
      await waitFor(async () => (await person.redo.count({ status: 'PENDING' })) === 0, {
        what: 'all tasks to end',
      });
      await app.redo.redrive();
      expect(app.all('leaseLost')).toEqual([]);
      const finished = await schema.query(
        `SELECT id FROM tbl_redotask WHERE status IN ('SUCCEEDED', 'DEAD') AND dedupe_hash IS NOT NULL`,
      );
      expect(finished).toEqual([]);
      const again = await person.redo.addRedoTasks('a', range(60), { dedupeKey });
      expect(again.every(({ created }) => created)).toBe(true);
    });

    test('retry of an expired task gives it its time again, and no more each time', async () => {
      let calls = 0;
      const policy = { backoff: { type: 'fixed', delay: 10 * HOUR } } as const;
      const handle = () => Promise.reject(new Error(`call ${(calls += 1)}`));
      const app = await start({ handlers: { brief: { policy, handle } } });
      const { id } = await app.redo.addRedoTask('brief', {}, { expiresIn: HOUR });
      for (let life = 1; life <= 3; life += 1) {
        await waitFor(() => app.all('failed').length === life, { what: `the attempt of life ${life}` });
        await passTime(schema, HOUR);
        await app.redo.redrive();
        expect(await app.redo.get(id)).toMatchObject({ status: 'DEAD', deadReason: 'EXPIRED' });
        expect(await app.redo.retry(id)).toBe(1);
      }
      await waitFor(() => calls === 4, { what: 'the fourth call' });
    });

    test('discard while a task runs: that it fails then is told to nobody and counts nowhere', async () => {
      const { passed, open } = gate();
      const app = await start({
        handlers: { job: () => passed.then(() => Promise.reject(new Error('too late'))) },
      });
      const { id } = await app.redo.addRedoTask('job', {});
      await app.told('started', id);
      const pass = app.redo.redrive();
      expect(await app.redo.discard(id, 'cancelled')).toBe(1);
      open();
      expect(await pass).toEqual({ claimed: 0, succeeded: 0, failed: 0, postponed: 0, dead: 0, parked: 0 });
      for (const name of ['failed', 'dead', 'succeeded'] as const) expect(app.all(name)).toEqual([]);
      expect(await app.redo.get(id)).toMatchObject({
        status: 'DEAD',
        deadReason: 'DISCARDED',
        deadDetail: 'cancelled',
        attempts: 0,
        errors: [],
      });
    });

    test('discard and retry while its last attempt runs: that attempt ends nothing, all come again', async () => {
      const { passed, open } = gate();
      let calls = 0;
      const app = await start({
        handlers: {
          job: {
            policy: { maxAttempts: 2, backoff: { type: 'fixed', delay: 0 } },
            handle: async (): Promise<RedoResult | void> => {
              calls += 1;
              if (calls === 2) await passed;
              if (calls < 4) throw new Error(`call ${calls}`);
            },
          },
        },
        options: { schedule },
      });
      const { id } = await app.redo.addRedoTask('job', {});
      await waitFor(() => calls === 2, { what: 'the last attempt' });
      await app.redo.discard(id, 'cancelled');
      expect(await app.redo.retry(id)).toBe(1);
      open();
      await app.told('succeeded', id);
      expect(app.all('dead')).toEqual([]);
      expect(app.all('started').map(({ attempt }) => attempt)).toEqual([1, 2, 1, 2]);
      expect(app.all('failed').map(({ error }) => error.message)).toEqual(['call 1', 'call 3']);
    });
  });

  describe('an instance', () => {
    test('that claimed tasks and could not read them runs them all the same, without waiting for a tick', async () => {
      const failing = failOnce(schema, /^SELECT[^]*req_param[^]*WHERE \(?id (IN|= ANY)/);
      const app = await start({ handlers: { job: () => {} }, dataSource: failing.options });
      const pass = app.redo.redrive();
      await pass;
      failing.arm();
      const added = await app.redo.addRedoTasks('job', range(3));
      for (const { id } of added) await app.told('succeeded', id);
      expect(app.all('trouble')).toMatchObject([{ doing: 'claim tasks', failures: 1 }]);
      expect(app.all('started')).toHaveLength(3);
      expect(await app.redo.count()).toBe(0);
    });

    test('whose handler blocks it for longer than the lease begins nothing more before it has asked again', async () => {
      const log = new StatementLog();
      const renewals: number[] = [];
      const handle = () => {
        renewals.push(log.count(/^UPDATE tbl_redo_worker/));
        const until = renewals.length === 1 ? performance.now() + 1_100 : 0;
        while (performance.now() < until);
      };
      const app = await start({
        handlers: { job: handle },
        options: { lease: 1_000, concurrency: 3, schedule },
        dataSource: log.options(schema),
      });
      const [one] = await app.dataSource.transaction((manager) =>
        app.redo.addRedoTasks('job', range(3), { manager }),
      );
      await waitFor(async () => (await app.redo.count()) === 0, { what: 'all to succeed' });
      expect(app.all('started')[0]).toMatchObject({ id: one!.id, attempt: 1 });
      expect(renewals[1]).toBeGreaterThan(renewals[0]!);
    });

    test('that learns to handle a type later is known for it, and can steer it from elsewhere', async () => {
      const app = await start({ handlers: { job: () => {} }, options: { lease: 1_000 } });
      const other = await start({ handlers: { job: {} }, options: { worker: false } });
      await expect(other.redo.pause('late')).rejects.toThrow('late');
      app.nest.get(RedoHandlerRegistry).register(RedoTask.define('late'), () => {});
      await waitFor(async () => (await other.redo.workers())[0]?.redoTaskIds.includes('late'), {
        what: 'the other to know',
      });
      const { id } = await app.redo.addRedoTask('late', {}, { delay: HOUR });
      expect(await other.redo.get(id)).toMatchObject({ hasHandler: true });
      expect(await other.redo.pause('late')).toBe(true);
      expect(await other.redo.resume('late')).toBe(true);
      expect(await other.redo.retry(id)).toBe(1);
      await app.redo.redrive();
      expect(app.all('succeeded')).toMatchObject([{ id }]);
    });

    test('runs tasks of whichever of 700 types', async () => {
      const types = range(700).map((number) => `type-${number}`);
      const app = await start({ handlers: Object.fromEntries(types.map((type) => [type, () => {}])) });
      const other = await start({
        handlers: Object.fromEntries(types.map((type) => [type, {}])),
        options: { worker: false },
      });
      const some = types.filter((_, index) => index % 30 === 0);
      const added = await Promise.all(some.map((type) => other.redo.addRedoTask(type, {})));
      expect(await app.redo.redrive()).toMatchObject({ claimed: added.length, succeeded: added.length });
      expect(app.all('trouble')).toEqual([]);
    });
  });
});

forEachServer((database) => {
  let schema: TestDatabase;
  let app: TestApp;
  /** A connection in a transaction that has nothing to do with the library. */
  let stranger: QueryRunner;

  beforeAll(async () => {
    schema = await createRedoDatabase(database);
  });
  afterEach(async () => {
    if (stranger.isTransactionActive) await stranger.rollbackTransaction();
    await stranger.release();
    await app.close();
    for (const table of TABLES) await schema.query(`DELETE FROM ${table}`);
  });
  afterAll(() => schema.drop());

  const start = async (settings: TestAppOptions) => {
    app = await startApp(schema, settings);
    stranger = app.dataSource.createQueryRunner();
    await stranger.startTransaction();
  };
  /** So many transactions wait for a row of this schema just now. */
  const waitsFor = (count: number, what: string) =>
    waitFor(async () => (await waiting()) === count, { what, ...SLOWLY });
  const waiting = async () => (await sessionsOf(schema)).filter(({ waits }) => waits).length;

  describe('a transaction of the application that stays open', () => {
    test('and has locked a running task costs nobody the lease: it is settled once that ends, others go on', async () => {
      const { passed, open } = gate();
      const long = gate();
      let again = 0;
      await start({
        handlers: {
          locked: () => passed,
          long: () => long.passed,
          restless: () => (stranger.isTransactionActive ? RedoResult.retryAfter(20) : RedoResult.SUCCESS),
        },
        options: { lease: LEASE },
      });
      const locked = await app.redo.addRedoTask('locked', {});
      const other = await app.redo.addRedoTask('long', {});
      const restless = await app.redo.addRedoTask('restless', {});
      for (const { id } of [locked, other, restless]) await app.told('started', id);
      await stranger.query(`SELECT id FROM tbl_redotask WHERE id = ${locked.id} FOR UPDATE`);
      open();

      const [before] = await app.redo.workers();
      await waitFor(
        async () => {
          const [now] = await app.redo.workers();
          if (now!.leaseUntil.getTime() <= before!.leaseUntil.getTime() + LEASE) return false;
          again ||= app.all('started').length;
          return app.all('started').length > again;
        },
        { what: 'more than a lease to pass, and another handler to begin then' },
      );
      expect(await rowOf(schema, locked.id)).toMatchObject({ status: 'PENDING', exec_times: 0 });

      await stranger.commitTransaction();
      for (const { id } of [locked, restless]) await app.told('succeeded', id);
      long.open();
      await app.told('succeeded', other.id);
      expect(app.all('leaseLost')).toEqual([]);
      const runs = app.all('started').filter(({ redoTaskId }) => redoTaskId !== 'restless');
      expect(runs.map(({ id }) => id).sort()).toEqual([locked.id, other.id].sort());
      expect(await app.redo.count()).toBe(0);
    });

    test('and has added with a key that is taken holds up nobody: adds and flushes go on', async () => {
      const { passed, open } = gate();
      await start({ handlers: { keyed: () => passed, quick: () => {} }, options: { lease: LEASE } });
      const keyed = await app.redo.addRedoTask('keyed', {}, { dedupeKey: 'x' });
      await app.told('started', keyed.id);
      await app.redo.addRedoTask('keyed', {}, { dedupeKey: 'x', manager: stranger.manager });
      open();
      for (let added = 0; added < 5; added += 1) {
        const quick = await app.redo.addRedoTask('quick', {});
        await app.told('succeeded', quick.id);
      }
      expect(app.all('trouble')).toEqual([]);
      expect(await rowOf(schema, keyed.id)).toMatchObject({ status: 'PENDING', exec_times: 0 });
      await stranger.commitTransaction();
      await app.told('succeeded', keyed.id);
    });

    test('and has locked a task that expires leaves it to be ended soon after, without waiting for a tick', async () => {
      await start({ handlers: { brief: () => {}, quick: () => {} }, options: { lease: LEASE } });
      const { id } = await app.redo.addRedoTask('brief', {}, { delay: HOUR, expiresIn: 2 * HOUR });
      await stranger.query(`SELECT id FROM tbl_redotask WHERE id = ${id} FOR UPDATE`);
      await stranger.query(`UPDATE tbl_redotask SET next_exec_time = 1, expire_time = 1 WHERE id = ${id}`);
      await stranger.commitTransaction();
      await stranger.startTransaction();
      await stranger.query(`SELECT id FROM tbl_redotask WHERE id = ${id} FOR UPDATE`);
      const ended = app.redo.redrive();
      const quick = await app.redo.addRedoTask('quick', {});
      await app.told('succeeded', quick.id);
      expect(await rowOf(schema, id)).toMatchObject({ status: 'PENDING' });
      await stranger.commitTransaction();
      expect(await app.told('dead', id)).toMatchObject({ reason: 'EXPIRED' });
      await ended;
    });

    test('and has locked a task of a dead instance has it charged soon after, without waiting for a tick', async () => {
      await start({ handlers: { job: () => {}, quick: () => {} }, options: { lease: LEASE } });
      const { id } = await app.redo.addRedoTask('job', {}, { delay: HOUR });
      await stranger.query(`UPDATE tbl_redotask SET next_exec_time = 1 WHERE id = ${id}`);
      await schema.query(
        `INSERT INTO tbl_redo_worker (id, application_name, host, pid, start_time, lease_until, handlers, held, running)
         VALUES ('dead', 'order-service', 'gone', 1, 0, 1, '["job"]', '{}', ?)`,
        [JSON.stringify({ job: [[id, 1]] })],
      );
      const ended = app.redo.redrive();
      const quick = await app.redo.addRedoTask('quick', {});
      await app.told('succeeded', quick.id);
      expect(app.all('workerLapsed')).toEqual([]);
      await stranger.commitTransaction();
      expect(await app.told('workerLapsed')).toMatchObject({ workerId: 'dead' });
      expect(await app.told('succeeded', id)).toMatchObject({ attempt: 2 });
      await ended;
    });

    test('and has added a task to a table that is nearly empty holds up nobody who is settled', async () => {
      const { passed, open } = gate();
      const delayed = { backoff: { type: 'fixed', delay: HOUR } } as const;
      await start({
        handlers: {
          good: () => passed,
          bad: { policy: delayed, handle: () => passed.then(() => Promise.reject(new Error('no'))) },
          worse: {
            policy: { maxAttempts: 1 },
            handle: () => passed.then(() => Promise.reject(new Error('no'))),
          },
        },
        options: { lease: LEASE, concurrency: 20 },
      });
      const good = await app.redo.addRedoTasks('good', range(5));
      const bad = await app.redo.addRedoTasks('bad', range(2));
      const worse = await app.redo.addRedoTasks('worse', range(2));
      await waitFor(() => app.all('started').length === 9, { what: 'all to run' });
      const added = await app.redo.addRedoTask('good', 5, { manager: stranger.manager });
      open();
      for (const { id } of good) await app.told('succeeded', id);
      for (const { id } of bad) await app.told('failed', id);
      for (const { id } of worse) await app.told('dead', id);
      expect(stranger.isTransactionActive).toBe(true);
      expect(app.all('started')).toHaveLength(9);

      // With what is left: commands of a person, and tasks that expire.
      const brief = await app.redo.addRedoTask('good', 6, { expiresIn: HOUR, delay: HOUR });
      await schema.query('UPDATE tbl_redotask SET next_exec_time = 1, expire_time = 1 WHERE id = ?', [
        brief.id,
      ]);
      expect(await app.redo.redrive()).toMatchObject({ dead: 1 });
      expect(await app.redo.retry({ redoTaskId: 'worse' })).toBe(2);
      await waitFor(() => app.all('dead').length === 5, { what: 'the retried ones to end' });
      expect(await app.redo.discard({ redoTaskId: 'bad' }, 'enough')).toBe(2);
      expect(app.all('trouble')).toEqual([]);
      expect(app.all('leaseLost')).toEqual([]);

      await stranger.commitTransaction();
      await app.told('succeeded', added.id);
      for (const { id } of [...good, added])
        expect(app.all('started').filter((each) => each.id === id)).toHaveLength(1);
    });
  });

  describe('a person’s command', () => {
    test('retry of a task that succeeds just then leaves it done, its key free', async () => {
      const kept = { options: { worker: false }, handlers: { job: {} } };
      await start(kept);
      const { id } = await app.redo.addRedoTask('job', {}, { dedupeKey: 'k' });
      // What the flush of another instance does.
      const succeeds = `UPDATE tbl_redotask SET status = 'SUCCEEDED', dedupe_hash = NULL WHERE id = ${id}`;
      await stranger.query(succeeds);
      const commands = [app.redo.retry({ redoTaskId: 'job' }), app.redo.discard(id, 'enough')];
      await waitsFor(2, 'both commands to wait for that row');
      await stranger.commitTransaction();
      expect(await Promise.all(commands)).toEqual([0, 0]);
      expect(await rowOf(schema, id)).toMatchObject({ status: 'SUCCEEDED', dedupe_hash: null });
      expect(await app.redo.addRedoTask('job', {}, { dedupeKey: 'k' })).toMatchObject({ created: true });
    });

    test('retry of a dead task whose key somebody takes just then passes it over', async () => {
      await start({ options: { worker: false }, handlers: { job: {} } });
      const keyed = await app.redo.addRedoTask('job', 1, { dedupeKey: 'k' });
      const plain = await app.redo.addRedoTask('job', 2);
      await app.redo.discard({}, 'enough');
      const taker = await app.redo.addRedoTask('job', 3, { dedupeKey: 'k', manager: stranger.manager });
      expect(taker.created).toBe(true);
      const retried = app.redo.retry({ ids: [keyed.id, plain.id] });
      await waitsFor(1, 'the command to wait for the key');
      await stranger.commitTransaction();
      expect(await retried).toBe(1);
      expect(await app.redo.get(keyed.id)).toMatchObject({ status: 'DEAD' });
      expect(await app.redo.get(plain.id)).toMatchObject({ status: 'PENDING' });
    });

    test.each(['retry', 'discard'] as const)(
      '%s that the database ends for a deadlock is carried out all the same',
      async (command) => {
        await start({ options: { worker: false }, handlers: { job: {} } });
        const [first, last] = await app.redo.addRedoTasks('job', [1, 2]);
        await app.redo.addRedoTasks('job', range(200));
        await winDeadlocks(schema, stranger);
        // The one that has changed less is ended.
        await stranger.query(`UPDATE tbl_redotask SET max_attempts = 7 WHERE id >= ${last!.id}`);
        const filter = { ids: [first!.id, last!.id] };
        const done =
          command === 'retry' ? app.redo.retry(filter) : app.redo.discard(filter, 'enough of these');
        await waitsFor(1, 'the command to wait');
        await stranger.query(`UPDATE tbl_redotask SET max_attempts = 7 WHERE id = ${first!.id}`);
        await stranger.commitTransaction();
        expect(await done).toBe(2);
      },
    );
  });
});

/** Once armed, the next statement of the library that matches fails, as if its connection had been lost. */
function failOnce(schema: TestDatabase, pattern: RegExp): { options: ExtraOptions; arm: () => void } {
  let armed = false;
  const fail = (text: string) => {
    if (!armed || !pattern.test(text.trim())) return;
    armed = false;
    throw new Error('as if the connection were lost');
  };
  const ignore = () => {};
  const logger = {
    logQuery: fail,
    logQueryError: ignore,
    logQuerySlow: ignore,
    logSchemaBuild: ignore,
    logMigration: ignore,
    log: ignore,
  };
  const driver = class extends sqliteDriver() {
    override prepare(text: string) {
      const statement = super.prepare(text);
      const { reader } = statement;
      return {
        reader,
        all: (...params: unknown[]) => (fail(text), statement.all(...params)),
        run: (...params: unknown[]) => (fail(text), statement.run(...params)),
      };
    }
  };
  const options = schema.kind === 'sqlite' ? ({ driver } as ExtraOptions) : { logger };
  return { options, arm: () => void (armed = true) };
}
