import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { SchedulerRegistry } from '@nestjs/schedule';
import { REDRIVE_JOB, RedoResult } from 'nestjs-redo';
import { forEachDatabase } from '../support/databases.js';
import {
  createRedoDatabase,
  gate,
  startApp,
  type TestApp,
  type TestAppOptions,
} from '../support/redo-app.js';
import { StatementLog } from '../support/statement-log.js';
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
  const producer = (...types: string[]) =>
    start({ handlers: Object.fromEntries(types.map((type) => [type, {}])), options: { worker: false } });

  /** An instance whose job ticks when the test says so, and which does nothing but look and redrive. */
  const log = new StatementLog();
  const startTicked = async (settings: Pick<TestAppOptions, 'handlers'>) => {
    const app = await start({
      ...settings,
      options: {
        schedule: { cron: '0 0 0 1 1 *' },
        lease: 3_600_000,
        retention: { dead: Infinity, succeeded: Infinity },
      },
      dataSource: log.options(schema),
    });
    const job = app.nest.get(SchedulerRegistry).getCronJob(REDRIVE_JOB);
    await waitFor(() => log.count(LOOK) > 0, { what: 'its first look' });
    return {
      app,
      /** One tick, and what it sent to the database. */
      tick: async () => {
        log.clear();
        await job.fireOnTick();
        await waitFor(() => log.statements.length > 0, { what: 'the tick to ask' });
        // Whatever it had to say beside the question would be said before the answer to this.
        await app.redo.count();
        return log.statements.filter(({ text }) => !/COUNT\(\*\)/.test(text));
      },
    };
  };
  const LOOK = /'clock' AS kind/;

  beforeAll(async () => {
    schema = await createRedoDatabase(database);
  });
  afterEach(async () => {
    Reflect.deleteProperty(performance, 'now');
    await Promise.all(apps.splice(0).map((app) => app.close()));
    log.clear();
    for (const table of ['tbl_redotask', 'tbl_redo_worker', 'tbl_redo_pause'])
      await schema.query(`DELETE FROM ${table}`);
  });
  afterAll(() => schema.drop());

  test('an instance does not sleep over what falls due while it makes up its mind', async () => {
    const app = await start({ handlers: { job: () => {} }, options: { lease: 3_600_000 } });
    await app.redo.redrive();
    // Time goes on with every look at the clock; and without a lock row it has to rest and come again.
    const now = performance.now.bind(performance);
    let passed = 0;
    for (const round of range(20)) {
      performance.now = () => now() + (passed += (round + 1) / 10);
      await schema.query('DELETE FROM tbl_pessimistic_lock');
      const { id } = await app.redo.addRedoTask('job', {});
      await app.told('succeeded', id);
    }
  });

  describe('an idle instance', () => {
    test('asks one statement a tick, locks nothing and writes nothing', async () => {
      const { tick } = await startTicked({ handlers: { one: () => {}, two: () => {} } });
      for (let count = 0; count < 5; count += 1) {
        const asked = await tick();
        expect(asked).toHaveLength(1);
        expect(asked[0]?.text).toMatch(LOOK);
        expect(asked[0]?.text).not.toMatch(/FOR UPDATE|INSERT|UPDATE|DELETE/);
      }
    });

    test('asks nothing about a type that is paused, however much of it is due', async () => {
      const adding = await producer('paused', 'other');
      await adding.redo.pause('paused');
      await adding.redo.addRedoTasks('paused', range(50));
      const { app, tick } = await startTicked({ handlers: { paused: () => {}, other: () => {} } });
      for (let count = 0; count < 3; count += 1) {
        const asked = await tick();
        expect(asked).toHaveLength(1);
        expect(String(asked[0]?.values)).toContain('other');
        expect(String(asked[0]?.values)).not.toContain('paused');
      }
      expect(app.all('started')).toEqual([]);
      await adding.redo.resume('paused');
      await tick();
      await waitFor(
        async () =>
          (await adding.redo.count()) === 0 || (await adding.redo.count({ status: 'SUCCEEDED' })) === 50,
        {
          what: 'all to end after it is resumed',
        },
      );
    });

    test('finds at its tick what another instance has added', async () => {
      const { app, tick } = await startTicked({ handlers: { job: () => {} } });
      const adding = await producer('job');
      const { id } = await adding.redo.addRedoTask('job', {});
      await tick();
      await app.told('succeeded', id);
    });
  });

  describe('while there is work', () => {
    test('nothing waits for the tick: 1,000 tasks are done between two of them', async () => {
      let calls = 0;
      const app = await start({ handlers: { job: () => void (calls += 1) } });
      await app.redo.addRedoTasks('job', range(1_000));
      await waitFor(async () => (await app.redo.count()) === 0, { what: 'all to end' });
      expect(calls).toBe(1_000);
    });

    test('also not for the next attempt, nor for one that asks for later', async () => {
      const app = await start({
        handlers: {
          job: {
            policy: { backoff: { type: 'fixed', delay: 30 } },
            handle: (_: never, { attempt, lastError }) => {
              if (attempt < 4) throw new Error(`attempt ${attempt}`);
              return lastError ? RedoResult.SUCCESS : RedoResult.BIZ_ERROR;
            },
          },
        },
      });
      const { id } = await app.redo.addRedoTask('job', {}, { delay: 30 });
      expect(await app.told('succeeded', id)).toMatchObject({ attempt: 4 });
    });

    test('a free place is filled at once, though others still run', async () => {
      const { passed, open } = gate();
      let quick = 0;
      const app = await start({
        handlers: { slow: () => passed, quick: () => void (quick += 1) },
        options: { concurrency: 2 },
      });
      await app.redo.addRedoTask('slow', {});
      await app.redo.addRedoTasks('quick', range(50));
      await waitFor(() => quick === 50, { what: 'fifty beside the slow one' });
      expect(app.all('succeeded').some(({ redoTaskId }) => redoTaskId === 'slow')).toBe(false);
      open();
      await waitFor(async () => (await app.redo.count()) === 0, { what: 'all to end' });
    });
  });

  describe('the schedule', () => {
    test('of an interval ticks by itself and is listed in the SchedulerRegistry', async () => {
      const app = await start({ handlers: { job: () => {} }, options: { schedule: { interval: 20 } } });
      expect(app.nest.get(SchedulerRegistry).getIntervals()).toContain(REDRIVE_JOB);
      const adding = await producer('job');
      for (let count = 0; count < 3; count += 1) {
        const { id } = await adding.redo.addRedoTask('job', {});
        await app.told('succeeded', id);
      }
      await app.nest.close();
      apps.splice(apps.indexOf(app), 1);
      expect(app.nest.get(SchedulerRegistry).getIntervals()).not.toContain(REDRIVE_JOB);
    });

    test('of a cron expression ticks by itself and is listed in the SchedulerRegistry', async () => {
      const app = await start({
        handlers: { job: () => {} },
        options: { schedule: { cron: '* * * * * *' } },
      });
      expect([...app.nest.get(SchedulerRegistry).getCronJobs().keys()]).toContain(REDRIVE_JOB);
      const adding = await producer('job');
      const { id } = await adding.redo.addRedoTask('job', {});
      await app.told('succeeded', id);
    });
  });
});
