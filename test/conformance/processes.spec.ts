import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { type RedoOptions } from 'nestjs-redo';
import { forEachDatabase } from '../support/databases.js';
import { createRedoDatabase, passTime, startApp, type TestApp } from '../support/redo-app.js';
import { createRunLedger, runsOf } from '../support/run-ledger.js';
import { type TestDatabase } from '../support/test-database.js';
import { waitFor } from '../support/wait-for.js';
import { ask, killWorkers, type Order, startWorker, toldBy } from '../support/worker-process.js';

forEachDatabase((database) => {
  let schema: TestDatabase;
  /** Adds and looks; it does not redrive. */
  let producer: TestApp;
  const add = (...orders: Order[]) =>
    producer.redo.addRedoTasks('job', orders).then((added) => added.map(({ id }) => id));
  const kept: RedoOptions['retention'] = { succeeded: 3_600_000 };
  const succeeded = () => producer.redo.count({ status: 'SUCCEEDED' });

  beforeAll(async () => {
    schema = await createRedoDatabase(database);
    await createRunLedger(schema);
    producer = await startApp(schema, {
      handlers: { job: { policy: { maxAttempts: 2 } } },
      options: { worker: false },
    });
  });
  afterEach(async () => {
    await killWorkers();
    for (const table of ['tbl_redotask', 'tbl_redo_worker', 'tbl_test_runs'])
      await schema.query(`DELETE FROM ${table}`);
  });
  afterAll(async () => {
    await producer.close();
    await schema.drop();
  });

  describe('processes over one database', () => {
    test.each([2, 4])('%d of them run each of 240 tasks once, and all take part', async (processes) => {
      const workers = await Promise.all(
        Array.from({ length: processes }, () =>
          startWorker(schema, { options: { concurrency: 5, batchSize: 10 } }),
        ),
      );
      const ids = await add(...Array.from({ length: 240 }, (): Order => ({ deed: 'meet', processes })));
      await waitFor(async () => (await producer.redo.count()) === 0, { what: 'all tasks to be done' });
      const runs = await runsOf(schema);
      expect(runs.map(({ task }) => task).sort((one, other) => one - other)).toEqual(ids);
      expect(runs.every(({ attempt, ended }) => attempt === 1 && ended === 1)).toBe(true);
      expect(new Set(runs.map(({ pid }) => pid))).toEqual(new Set(workers.map(({ pid }) => pid)));
      for (const worker of workers) {
        await ask(worker, 'close');
        expect(await worker.exited).toEqual({ code: 0, signal: null });
      }
      expect(await producer.redo.workers()).toEqual([]);
    });

    test('a task whose handler takes three leases runs once, beside an idle process', async () => {
      // Long enough for a disk that stands still for two seconds: neither may lose its lease by that.
      const options = { lease: 3_000, retention: kept };
      const workers = [await startWorker(schema, { options }), await startWorker(schema, { options })];
      const [long] = await add({ deed: 'work', ms: 9_300 });
      await waitFor(async () => (await succeeded()) === 1, { what: 'the long task to be done' });
      expect(await runsOf(schema)).toMatchObject([{ task: long, attempt: 1, ended: 1 }]);
      expect(await producer.redo.get(long!)).toMatchObject({ status: 'SUCCEEDED', attempts: 1, errors: [] });
      for (const worker of workers)
        expect([...toldBy(worker, 'leaseLost'), ...toldBy(worker, 'workerLapsed')]).toEqual([]);
    });
  });

  describe('a process killed by kill -9', () => {
    test('loses its running tasks to another after the lease, the attempt counted, and its held ones uncharged', async () => {
      const killed = await startWorker(schema, {
        types: { job: { deed: 'sleep' } },
        options: { lease: 1_000, concurrency: 3 },
      });
      const ids = await add(...Array.from({ length: 8 }, () => ({})));
      // What is held goes back after a second, so this must be quick.
      await waitFor(
        async () => {
          const [worker] = await producer.redo.workers();
          return worker?.running.length === 3 && worker.held.length > 0;
        },
        { what: 'three running and some held', interval: 1 },
      );
      killed.kill();
      await killed.exited;
      const [left] = await producer.redo.workers();
      const running = left!.running.map(({ id }) => id);
      const held = left!.held.map(({ id }) => id);
      expect(running).toHaveLength(3);

      const heir = await startWorker(schema, { options: { lease: 1_000, retention: kept } });
      await waitFor(async () => (await succeeded()) === 8, { what: 'the heir to do everything' });
      expect(toldBy(heir, 'workerLapsed')).toMatchObject([{ workerId: left!.id, pid: killed.pid }]);
      for (const id of ids) {
        const task = await producer.redo.get(id);
        const runs = await runsOf(schema, id);
        if (running.includes(id)) {
          expect(runs.at(-1)).toMatchObject({ attempt: 2, pid: heir.pid, ended: 1 });
          // Killed before or after it could write this down.
          for (const run of runs.slice(0, -1))
            expect(run).toMatchObject({ attempt: 1, pid: killed.pid, ended: 0 });
          expect(task).toMatchObject({ attempts: 2 });
          expect(task?.errors).toMatchObject([{ attempt: 1, host: left!.host }]);
          expect(task?.errors[0]?.message).toContain(`pid ${killed.pid}`);
        } else {
          expect(runs).toMatchObject([{ attempt: 1, pid: heir.pid, ended: 1 }]);
          expect(task).toMatchObject({ attempts: 1, errors: [] });
        }
      }
      expect(held.length).toBeGreaterThan(0);
    });

    test('by its own handler again and again: that task ends dead, EXHAUSTED, and its neighbours lose nothing', async () => {
      const [poison, ...neighbours] = await add({ deed: 'kill' }, ...Array.from({ length: 10 }, () => ({})));
      const settings = { options: { concurrency: 1, retention: kept } };
      for (let attempt = 1; attempt <= 2; attempt += 1) {
        const worker = await startWorker(schema, settings);
        expect(await worker.exited).toEqual({ code: null, signal: 'SIGKILL' });
        await passTime(schema, 30_001);
      }
      const worker = await startWorker(schema, settings);
      await waitFor(async () => (await producer.redo.get(poison!))?.status === 'DEAD', { what: 'its death' });
      await waitFor(async () => (await succeeded()) === 10, { what: 'the neighbours' });
      expect(await producer.redo.get(poison!)).toMatchObject({ deadReason: 'EXHAUSTED', attempts: 2 });
      expect((await runsOf(schema, poison)).map(({ attempt }) => attempt)).toEqual([1, 2]);
      for (const id of neighbours) {
        expect(await producer.redo.get(id)).toMatchObject({ status: 'SUCCEEDED', attempts: 1, errors: [] });
        expect(await runsOf(schema, id)).toMatchObject([{ attempt: 1, ended: 1 }]);
      }
      await waitFor(() => toldBy(worker, 'dead').length > 0, { what: 'the news of it' });
      expect(toldBy(worker, 'dead')).toMatchObject([{ id: poison, reason: 'EXHAUSTED', attempts: 2 }]);
    });
  });
});
