import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { type RedoContext, RedoResult } from 'nestjs-redo';
import { forEachDatabase, forEachServer } from '../support/databases.js';
import { untilAborted } from '../support/handlers.js';
import {
  createRedoDatabase,
  gate,
  passTime,
  rowOf,
  startApp,
  type TestApp,
  type TestAppOptions,
} from '../support/redo-app.js';
import { beginImmediate, commit, sqliteDriver } from '../support/sqlite-driver.js';
import { startTcpProxy, type TcpProxy } from '../support/tcp-proxy.js';
import { type TestDatabase } from '../support/test-database.js';
import { waitFor } from '../support/wait-for.js';

const LEASE = 30_000;
/** Others must find out by themselves. */
const schedule = { interval: 20 };

forEachDatabase((database) => {
  let schema: TestDatabase;
  const apps: TestApp[] = [];
  const start = async (settings: TestAppOptions) => {
    const app = await startApp(schema, settings);
    apps.push(app);
    return app;
  };
  const onlyWorker = async (app: TestApp) => {
    const [worker] = await waitFor(
      async () => {
        const workers = await app.redo.workers();
        return workers.length === 1 ? workers : undefined;
      },
      { what: 'one worker' },
    );
    return worker!;
  };

  /** Lets its lease run out, again if it was just being renewed, until the heir has found out. */
  const takenForDead = async (worker: { readonly id: string }, heir: TestApp) => {
    await waitFor(
      async () => {
        await schema.query('UPDATE tbl_redo_worker SET lease_until = lease_until - ? WHERE id = ?', [
          LEASE + 1,
          worker.id,
        ]);
        return heir.all('workerLapsed').length > 0;
      },
      { what: 'the heir to find out' },
    );
  };

  beforeAll(async () => {
    schema = await createRedoDatabase(database);
  });
  afterEach(async () => {
    await Promise.all(apps.splice(0).map((app) => app.close()));
    for (const table of ['tbl_redotask', 'tbl_redo_worker']) await schema.query(`DELETE FROM ${table}`);
  });
  afterAll(() => schema.drop());

  describe('a lease', () => {
    test('is renewed while the instance lives, whether it has work or not', async () => {
      const app = await start({ handlers: { job: () => {} }, options: { lease: 4_000 } });
      const { id, leaseUntil } = await onlyWorker(app);
      for (let renewal = 1, last = leaseUntil; renewal <= 3; renewal += 1)
        last = await waitFor(
          async () => {
            const worker = await onlyWorker(app);
            return worker.leaseUntil > last ? worker.leaseUntil : undefined;
          },
          { what: `renewal ${renewal}` },
        );
      expect(await onlyWorker(app)).toMatchObject({ id, alive: true });
      expect(app.all('leaseLost')).toEqual([]);
    });

    test('that ran out makes the tasks of a dead instance due: the running one charged, the held one not', async () => {
      const dead = await start({
        handlers: { job: untilAborted },
        options: { lease: LEASE, concurrency: 1, shutdownTimeout: 0 },
      });
      const [running, held] = await dead.redo.addRedoTasks('job', [1, 2]);
      await dead.told('started', running!.id);
      await waitFor(async () => (await onlyWorker(dead)).held.length === 1, { what: 'a held task' });
      const { id, host, pid } = await onlyWorker(dead);

      const attempts: number[][] = [];
      const heir = await start({
        handlers: { job: (_: never, task: RedoContext) => void attempts.push([task.id, task.attempt]) },
        options: { retention: { succeeded: 3_600_000 }, schedule },
      });
      await takenForDead({ id }, heir);
      await heir.told('succeeded', running!.id);
      await heir.told('succeeded', held!.id);
      expect(attempts.sort()).toEqual([
        [running!.id, 2],
        [held!.id, 1],
      ]);
      expect(heir.all('workerLapsed')).toEqual([
        { workerId: id, host, pid, charged: [{ id: running!.id, redoTaskId: 'job', attempt: 1 }] },
      ]);
      expect((await heir.redo.get(running!.id))?.errors).toMatchObject([{ attempt: 1, host }]);
      expect((await heir.redo.get(held!.id))?.errors).toEqual([]);
    });

    test('that ran out is found out by the others also when there is nothing to claim', async () => {
      const dead = await start({
        handlers: { job: () => {} },
        options: { lease: LEASE, shutdownTimeout: 0 },
      });
      const { id } = await onlyWorker(dead);
      const other = await start({ handlers: { job: () => {} }, options: { schedule } });
      await takenForDead({ id }, other);
      expect((await other.told('workerLapsed')).workerId).toBe(id);
    });

    test('that ran out charges the last attempt too: the task is dead, EXHAUSTED', async () => {
      const policy = { maxAttempts: 1 };
      const dead = await start({
        handlers: { job: { policy, handle: untilAborted } },
        options: { lease: LEASE, shutdownTimeout: 0 },
      });
      const { id } = await dead.redo.addRedoTask('job', { a: 1 });
      await dead.told('started', id);
      const worker = await onlyWorker(dead);
      const other = await start({ handlers: { job: { policy, handle: () => {} } }, options: { schedule } });
      await takenForDead(worker, other);
      await other.told('dead', id);
      expect(other.all('started')).toEqual([]);
      expect(await other.redo.get(id)).toMatchObject({
        status: 'DEAD',
        deadReason: 'EXHAUSTED',
        attempts: 1,
        params: { a: 1 },
      });
    });

    test('that ran out unnoticed is taken up again by its holder', async () => {
      const { passed, open } = gate();
      const app = await start({ handlers: { job: () => passed }, options: { lease: LEASE } });
      const { id } = await app.redo.addRedoTask('job', {});
      await app.told('started', id);
      const worker = await onlyWorker(app);
      await passTime(schema, LEASE + 1);
      open();
      await app.told('succeeded', id);
      expect(await onlyWorker(app)).toMatchObject({ id: worker.id, alive: true });
      expect(app.all('leaseLost')).toEqual([]);
    });
  });

  describe('an instance that was taken for dead', () => {
    test.each(['succeeds', 'fails', 'discards'] as const)(
      'can settle nothing: the attempt that %s there is not written',
      async (how) => {
        const zombie = gate();
        const heir = gate();
        const outcome = {
          succeeds: RedoResult.SUCCESS,
          fails: RedoResult.BIZ_ERROR,
          discards: RedoResult.discard('x'),
        };
        let signal: AbortSignal | undefined;
        const first = await start({
          handlers: {
            job: async (_: never, task: RedoContext) => {
              signal = task.signal;
              await zombie.passed;
              return outcome[how];
            },
          },
          options: { lease: LEASE, concurrency: 1 },
        });
        const { id } = await first.redo.addRedoTask('job', {});
        await first.told('started', id);
        const before = await onlyWorker(first);

        const second = await start({
          options: { schedule },
          handlers: {
            job: async () => {
              await heir.passed;
              throw new Error('the heir failed');
            },
          },
        });
        await takenForDead(before, second);
        await second.told('started', id);
        expect(signal!.aborted).toBe(false);
        zombie.open();
        const lost = await first.told('leaseLost');
        expect(lost).toMatchObject({ workerId: before.id });
        expect(lost.reason).toContain('dead');
        const row = await rowOf(schema, id);
        expect(row).toMatchObject({ status: 'PENDING', exec_times: 1 });
        expect(JSON.parse(String(row!['errors']))).toHaveLength(1);
        expect(first.all('succeeded')).toEqual([]);
        expect(first.all('failed')).toEqual([]);

        const workers = await waitFor(
          async () => {
            const all = await first.redo.workers();
            return all.length === 2 ? all : undefined;
          },
          { what: 'the first to start afresh' },
        );
        expect(workers.map((worker) => worker.id)).not.toContain(before.id);
        heir.open();
        await waitFor(() => second.all('failed').some(({ attempt }) => attempt === 2), {
          what: 'the second attempt to fail',
        });
        const task = await second.redo.get(id);
        expect(task).toMatchObject({ attempts: 2 });
        expect(task?.errors.map(({ attempt, message }) => [attempt, message])).toEqual([
          [1, expect.stringContaining('lost its lease')],
          [2, 'the heir failed'],
        ]);
      },
    );

    test('learns so when it renews, aborts its handlers and starts afresh under a new id', async () => {
      let signal: AbortSignal | undefined;
      const app = await start({
        handlers: {
          job: (_: never, task: RedoContext) => {
            signal ??= task.signal;
            return untilAborted(_, task);
          },
        },
        options: { lease: 1_000, shutdownTimeout: 0 },
      });
      const { id } = await app.redo.addRedoTask('job', {});
      await app.told('started', id);
      const before = await onlyWorker(app);
      await schema.query('DELETE FROM tbl_redo_worker');
      expect(await app.told('leaseLost')).toMatchObject({ workerId: before.id, running: 1 });
      expect(signal!.aborted).toBe(true);
      expect((signal!.reason as Error).message).toContain('lease');
      expect((await onlyWorker(app)).id).not.toBe(before.id);
    });

    test('that has spare places goes on with the work in its new life', async () => {
      let calls = 0;
      const app = await start({ handlers: { job: () => void (calls += 1) }, options: { lease: 1_000 } });
      await onlyWorker(app);
      await schema.query('DELETE FROM tbl_redo_worker');
      await app.told('leaseLost');
      const { id } = await app.redo.addRedoTask('job', {});
      await app.told('succeeded', id);
      expect(calls).toBe(1);
    });
  });

  if (database.kind === 'sqlite')
    test('an instance that can’t write for a whole lease aborts its handlers by itself, and starts afresh', async () => {
      let signal: AbortSignal | undefined;
      const app = await start({
        handlers: {
          job: (_: never, task: RedoContext) => {
            signal ??= task.signal;
            return task.attempt === 1 ? untilAborted(_, task) : RedoResult.SUCCESS;
          },
        },
        options: { lease: 1_000, shutdownTimeout: 0, schedule },
      });
      const { id } = await app.redo.addRedoTask('job', {});
      await app.told('started', id);
      const { id: before } = await onlyWorker(app);
      const stranger = new (sqliteDriver())(schema.url.slice('sqlite://'.length), { timeout: 0 });
      await waitFor(() => (beginImmediate(stranger), true), { what: 'the lock' });
      const lost = await app.told('leaseLost');
      expect(lost).toMatchObject({ workerId: before, reason: expect.stringContaining('renewed') as unknown });
      expect(signal!.aborted).toBe(true);
      commit(stranger);
      stranger.close();
      await app.told('succeeded', id);
      expect((await app.redo.workers()).map((worker) => worker.id)).not.toContain(before);
      expect(app.all('workerLapsed')).toMatchObject([{ workerId: before, charged: [{ id, attempt: 1 }] }]);
    });
});

forEachServer((database) => {
  let schema: TestDatabase;
  let proxy: TcpProxy;

  beforeAll(async () => {
    schema = await createRedoDatabase(database);
    proxy = await startTcpProxy(schema.url);
  });
  afterAll(async () => {
    await proxy.close();
    await schema.drop();
  });

  test('an instance cut off from the database for a whole lease aborts its handlers by itself, and starts afresh when it is back', async () => {
    let signal: AbortSignal | undefined;
    const app = await startApp(schema, {
      handlers: {
        job: (_: never, task: RedoContext) => {
          if (task.attempt > 1) return RedoResult.SUCCESS;
          signal = task.signal;
          return untilAborted(_, task);
        },
      },
      options: { lease: 1_000, schedule },
      dataSource: proxy.address,
    });
    const { id } = await app.redo.addRedoTask('job', {});
    await app.told('started', id);
    const [before] = await app.redo.workers();
    proxy.cut();
    const lost = await app.told('leaseLost');
    expect(lost).toMatchObject({
      workerId: before!.id,
      running: 1,
      reason: expect.stringContaining('renewed') as unknown,
    });
    expect(signal!.aborted).toBe(true);
    expect(app.all('trouble').length).toBeGreaterThan(0);
    await proxy.heal();
    await app.told('succeeded', id);
    expect(app.all('succeeded')).toMatchObject([{ id, attempt: 2 }]);
    await app.told('recovered');
    const [after] = await app.redo.workers();
    expect(after!.id).not.toBe(before!.id);
    await app.close();
  });
});
