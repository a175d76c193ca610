import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { type RedoContext, RedoResult } from 'nestjs-redo';
import { forEachDatabase, forEachServer } from '../support/databases.js';
import { untilAborted } from '../support/handlers.js';
import {
  createRedoDatabase,
  gate,
  rowOf,
  startApp,
  type TestApp,
  type TestAppOptions,
} from '../support/redo-app.js';
import { createRunLedger, runsOf } from '../support/run-ledger.js';
import { startTcpProxy } from '../support/tcp-proxy.js';
import { type TestDatabase } from '../support/test-database.js';
import { waitFor } from '../support/wait-for.js';
import { ask, killWorkers, startWorker } from '../support/worker-process.js';

const range = (count: number) => Array.from({ length: count }, (_, index) => index);

/** What keeps a process alive, by kind, and who listens to it. */
function leftovers(): Record<string, number> {
  const count: Record<string, number> = {};
  for (const kind of process.getActiveResourcesInfo()) count[kind] = (count[kind] ?? 0) + 1;
  for (const event of process.eventNames()) count[String(event)] = process.listenerCount(event);
  return Object.fromEntries(Object.entries(count).sort());
}

forEachDatabase((database) => {
  let schema: TestDatabase;
  let app: TestApp;
  /** Adds and looks. */
  let other: TestApp;
  const start = async (settings: TestAppOptions) => (app = await startApp(schema, settings));

  beforeAll(async () => {
    schema = await createRedoDatabase(database);
    await createRunLedger(schema);
    other = await startApp(schema, { handlers: { job: {} }, options: { worker: false } });
  });
  afterEach(async () => {
    await killWorkers();
    for (const table of ['tbl_redotask', 'tbl_redo_worker', 'tbl_test_runs'])
      await schema.query(`DELETE FROM ${table}`);
  });
  afterAll(async () => {
    await other.close();
    await schema.drop();
  });

  describe('an instance that is closed', () => {
    test('leaves no timer, no connection and no listener behind', async () => {
      const before = leftovers();
      await start({
        handlers: { job: () => RedoResult.retryAfter(50) },
        options: { schedule: { interval: 20 } },
      });
      for (const { id } of await app.redo.addRedoTasks('job', range(50))) await app.told('postponed', id);
      const added = () => Object.entries(leftovers()).filter(([kind, many]) => many > (before[kind] ?? 0));
      expect(added()).not.toEqual([]);
      await app.close();
      await waitFor(() => added().length === 0, { what: `no more than ${JSON.stringify(before)}` });
    });

    test('waits for its running handlers, settles them and lets TypeORM close only then', async () => {
      const { passed, open } = gate();
      let connected: boolean | undefined;
      let signal: AbortSignal | undefined;
      await start({
        handlers: {
          job: async (_: never, task: RedoContext) => {
            signal = task.signal;
            await passed;
            await app.dataSource.query('SELECT 1');
            connected = app.dataSource.isInitialized;
          },
        },
      });
      const { id } = await app.redo.addRedoTask('job', {});
      await app.told('started', id);
      const closed = app.close();
      // Time enough for one that does not wait.
      for (let look = 0; look < 20; look += 1) expect(await other.redo.count()).toBe(1);
      expect(signal?.aborted).toBe(false);
      open();
      await closed;
      expect(connected).toBe(true);
      expect(app.dataSource.isInitialized).toBe(false);
      expect(app.all('succeeded')).toMatchObject([{ id }]);
      expect(await rowOf(schema, id)).toBeUndefined();
      expect(await other.redo.workers()).toEqual([]);
    });

    test('begins nothing more: what it held and what comes is left to others, free at once and uncharged', async () => {
      const { passed, open } = gate();
      await start({
        handlers: { job: () => passed },
        options: { concurrency: 1, schedule: { interval: 10 } },
      });
      const [running, held] = await app.redo.addRedoTasks('job', range(2));
      await app.told('started', running!.id);
      await waitFor(async () => (await other.redo.workers())[0]?.held.length === 1, { what: 'a held task' });
      const closed = app.close();
      const late = await other.redo.addRedoTask('job', {});
      await waitFor(async () => (await other.redo.workers())[0]?.held.length === 0, {
        what: 'the held one to be handed back before the running one ends',
      });
      open();
      await closed;
      expect(app.all('started')).toHaveLength(1);
      const attempts: number[][] = [];
      await start({
        handlers: { job: (_: never, task: RedoContext) => void attempts.push([task.id, task.attempt]) },
      });
      await app.redo.redrive();
      await app.close();
      expect(attempts.sort()).toEqual([
        [held!.id, 1],
        [late.id, 1],
      ]);
    });

    test('aborts at shutdownTimeout what still runs: handed back, the attempt not counted', async () => {
      const reasons: unknown[] = [];
      await start({
        handlers: {
          job: async (_: never, task: RedoContext) => {
            try {
              await untilAborted(_, task);
            } catch (error) {
              reasons.push((error as Error).message);
              throw error;
            }
          },
        },
        options: { shutdownTimeout: 50 },
      });
      const added = await app.redo.addRedoTasks('job', range(3));
      await waitFor(() => app.all('started').length === 3, { what: 'three running' });
      await app.close();
      expect(reasons).toEqual(Array(3).fill('the instance is shutting down'));
      for (const { id } of added)
        expect(await rowOf(schema, id)).toMatchObject({ status: 'PENDING', exec_times: 0, errors: null });
      expect(app.all('workerStopped')).toMatchObject([{ handedBack: 3 }]);
      expect(await other.redo.workers()).toEqual([]);
      expect((await other.redo.stats()).types[0]).toMatchObject({ due: 3, running: 0 });
    });

    test('settles what comes to an end of its own when it is aborted', async () => {
      await start({
        handlers: {
          good: (_: never, task: RedoContext) => untilAborted(_, task).catch(() => {}),
          bad: (_: never, task: RedoContext) =>
            untilAborted(_, task).catch(() => RedoResult.discard('no use')),
        },
        options: { shutdownTimeout: 50 },
      });
      const good = await app.redo.addRedoTask('good', {});
      const bad = await app.redo.addRedoTask('bad', {});
      await app.told('started', good.id);
      await app.told('started', bad.id);
      await app.close();
      expect(await rowOf(schema, good.id)).toBeUndefined();
      expect(await rowOf(schema, bad.id)).toMatchObject({ status: 'DEAD', exec_times: 1 });
      expect(app.all('workerStopped')).toMatchObject([{ handedBack: 0 }]);
    });

    test('does not wait for a handler that never ends: its task is handed back uncharged', async () => {
      let signal: AbortSignal | undefined;
      await start({
        handlers: {
          job: (_: never, task: RedoContext) => {
            signal = task.signal;
            return new Promise(() => {});
          },
        },
        options: { shutdownTimeout: 50 },
      });
      const { id } = await app.redo.addRedoTask('job', {});
      await app.told('started', id);
      await app.close();
      expect(signal?.aborted).toBe(true);
      expect(await rowOf(schema, id)).toMatchObject({ status: 'PENDING', exec_times: 0 });
      expect(await other.redo.workers()).toEqual([]);
    });

    test('refuses a pass, and ends one that somebody waits for with an error', async () => {
      const { passed, open } = gate();
      await start({ handlers: { job: () => passed } });
      const { id } = await app.redo.addRedoTask('job', {});
      await app.told('started', id);
      const pass = app.redo.redrive();
      const closed = app.close();
      await expect(pass).rejects.toThrow('shutting down');
      await expect(app.redo.redrive()).rejects.toThrow('shutting down');
      open();
      await closed;
    });
  });

  describe('a process', () => {
    test('that gets SIGTERM settles what runs and ends by that signal', async () => {
      const worker = await startWorker(schema, { options: { concurrency: 2 } });
      const added = await other.redo.addRedoTasks(
        'job',
        range(6).map(() => ({ deed: 'work', ms: 300 })),
      );
      await waitFor(async () => (await runsOf(schema)).length >= 2, { what: 'two running', interval: 1 });
      worker.kill('SIGTERM');
      expect(await worker.exited).toEqual({ code: null, signal: 'SIGTERM' });
      const runs = await runsOf(schema);
      expect(runs.every(({ ended }) => ended === 1)).toBe(true);
      for (const { id } of added) {
        const row = await rowOf(schema, id);
        if (runs.some(({ task }) => task === id)) expect(row).toBeUndefined();
        else expect(row).toMatchObject({ status: 'PENDING', exec_times: 0 });
      }
      expect(runs.length).toBeLessThan(6);
      expect(await other.redo.workers()).toEqual([]);
    });

    test('that is closed ends by itself, though a handler never does', async () => {
      const worker = await startWorker(schema, { options: { shutdownTimeout: 50 } });
      const { id } = await other.redo.addRedoTask('job', { deed: 'sleep' });
      await waitFor(async () => (await runsOf(schema, id)).length === 1, { what: 'it to run' });
      await ask(worker, 'close');
      let exit: object | undefined;
      void worker.exited.then((how) => (exit = how));
      expect(await waitFor(() => exit, { timeout: 10_000, what: 'its end' })).toEqual({
        code: 0,
        signal: null,
      });
      expect(await rowOf(schema, id)).toMatchObject({ status: 'PENDING', exec_times: 0 });
    });
  });
});

forEachServer((database) => {
  test('an instance closed while the database is away ends all the same; its tasks are free after the lease', async () => {
    const schema = await createRedoDatabase(database);
    const proxy = await startTcpProxy(schema.url);
    const app = await startApp(schema, {
      handlers: { job: untilAborted },
      options: { shutdownTimeout: 50 },
      dataSource: proxy.address,
    });
    const { id } = await app.redo.addRedoTask('job', {});
    await app.told('started', id);
    proxy.cut();
    await app.close();
    expect(await rowOf(schema, id)).toMatchObject({ status: 'PENDING', exec_times: 0 });
    expect(await schema.query('SELECT COUNT(*) AS count FROM tbl_redo_worker')).toEqual([{ count: 1 }]);
    expect(app.all('trouble').length).toBeGreaterThan(0);
    await proxy.close();
    await schema.drop();
  });
});
