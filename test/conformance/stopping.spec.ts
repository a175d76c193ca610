import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { Injectable, Module, type OnApplicationShutdown, type OnModuleDestroy } from '@nestjs/common';
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
import { openConnection } from '../support/server-connection.js';
import { beginImmediate, commit, sqliteDriver } from '../support/sqlite-driver.js';
import { startTcpProxy } from '../support/tcp-proxy.js';
import { type TestDatabase } from '../support/test-database.js';
import { waitFor } from '../support/wait-for.js';
import { ask, killWorkers, startWorker } from '../support/worker-process.js';

/** What of the application is closed after the library. */
const closed: string[] = [];

@Injectable()
class Witness implements OnModuleDestroy, OnApplicationShutdown {
  onModuleDestroy(): void {
    closed.push('destroyed');
  }

  onApplicationShutdown(): void {
    closed.push('shut down');
  }
}

@Module({ providers: [Witness] })
class WitnessModule {}

/** Keeps every worker from writing its row, until it is let go. */
async function lockWorkers(schema: TestDatabase): Promise<{ release: () => Promise<void> }> {
  if (schema.kind === 'sqlite') {
    const connection = new (sqliteDriver())(schema.url.slice('sqlite://'.length), { timeout: 0 });
    await waitFor(() => (beginImmediate(connection), true), { what: 'the file’s write lock', interval: 1 });
    return {
      release: () => {
        commit(connection);
        connection.close();
        return Promise.resolve();
      },
    };
  }
  const connection = await openConnection(schema.url);
  await connection.query('BEGIN');
  await connection.query('SELECT id FROM tbl_redo_worker FOR UPDATE');
  return {
    release: async () => {
      await connection.query('ROLLBACK');
      connection.close();
    },
  };
}

forEachDatabase((database) => {
  let schema: TestDatabase;
  const apps: TestApp[] = [];
  const start = async (settings: TestAppOptions) => {
    const app = await startApp(schema, { imports: [WitnessModule], ...settings });
    apps.push(app);
    await waitFor(async () => (await app.redo.workers()).length > 0, { what: 'the worker to be registered' });
    return app;
  };
  const expectClosed = (app: TestApp) => {
    expect(app.dataSource.isInitialized).toBe(false);
    expect(closed.sort()).toEqual(['destroyed', 'shut down']);
  };

  beforeAll(async () => {
    schema = await createRedoDatabase(database);
    await createRunLedger(schema);
  });
  afterEach(async () => {
    await killWorkers();
    await Promise.all(apps.splice(0).map((app) => app.close()));
    for (const table of ['tbl_redotask', 'tbl_redo_worker', 'tbl_test_runs'])
      await schema.query(`DELETE FROM ${table}`);
    closed.length = 0;
  });
  afterAll(() => schema.drop());

  describe('an instance that is closed when it has lost its lease', () => {
    test('and is idle, closes everything else and does not fail', async () => {
      const app = await start({ handlers: { job: () => {} } });
      await schema.query('DELETE FROM tbl_redo_worker');
      await app.close();
      expectClosed(app);
      expect(app.all('leaseLost')).toMatchObject([{ running: 0 }]);
      expect(app.all('workerStopped')).toEqual([]);
    });

    test('and still runs something, aborts it, writes nothing and closes everything else', async () => {
      const app = await start({ handlers: { job: untilAborted }, options: { shutdownTimeout: 50 } });
      const { id } = await app.redo.addRedoTask('job', {});
      await app.told('started', id);
      await schema.query('DELETE FROM tbl_redo_worker');
      await app.close();
      expectClosed(app);
      expect(app.all('leaseLost')).toHaveLength(1);
      for (const name of ['succeeded', 'failed', 'dead', 'workerStopped'] as const)
        expect(app.all(name)).toEqual([]);
      expect(await rowOf(schema, id)).toMatchObject({ status: 'PENDING', exec_times: 0, errors: null });
    });

    test('or loses it while it waits for its handlers, settles nothing and closes everything else', async () => {
      const { passed, open } = gate();
      const app = await start({ handlers: { job: () => passed } });
      const { id } = await app.redo.addRedoTask('job', {});
      await app.told('started', id);
      const closing = app.close();
      await schema.query('DELETE FROM tbl_redo_worker');
      open();
      await closing;
      expectClosed(app);
      expect(app.all('leaseLost')).toHaveLength(1);
      expect(app.all('succeeded')).toEqual([]);
      expect(await rowOf(schema, id)).toMatchObject({ status: 'PENDING', exec_times: 0 });
    });
  });

  describe('an instance that can’t write its row any more when it is closed', () => {
    test('closes everything else all the same, without waiting for a lease; its process ends', async () => {
      const { passed, open } = gate();
      const options = { shutdownTimeout: 50, lease: 8_000 };
      const idle = await start({
        handlers: { job: () => {} },
        options: { lease: 3_600_000 },
        applicationName: 'idle',
      });
      const busy = await start({ handlers: { job: () => passed }, options, applicationName: 'busy' });
      const [running, next] = [
        await busy.redo.addRedoTask('job', 1),
        await busy.redo.addRedoTask('job', 2, { delay: 60_000 }),
      ];
      await busy.told('started', running.id);
      const worker = await startWorker(schema, { options, applicationName: 'worker' });
      const task = (await ask(worker, 'add {"type":"job","params":{"deed":"sleep"}}')) as { id: number };
      await waitFor(async () => (await runsOf(schema, task.id)).length === 1, { what: 'it to run' });

      const { release } = await lockWorkers(schema);
      try {
        open();
        await Promise.all([idle.close(), busy.close(), ask(worker, 'close')]);
        for (const app of [idle, busy]) {
          expect(app.dataSource.isInitialized).toBe(false);
          expect(app.all('workerStopped')).toEqual([]);
        }
        expect(closed.sort()).toEqual(['destroyed', 'destroyed', 'shut down', 'shut down']);
      } finally {
        await release();
      }
      let exit: object | undefined;
      void worker.exited.then((how) => (exit = how));
      expect(await waitFor(() => exit, { what: 'the process to end' })).toEqual({ code: 0, signal: null });
      expect(await rowOf(schema, task.id)).toMatchObject({ status: 'PENDING', exec_times: 0 });
      expect(await rowOf(schema, next.id)).toMatchObject({ status: 'PENDING', exec_times: 0 });
      expect(busy.all('started')).toHaveLength(1);
    });
  });
});

forEachServer((database) => {
  test('an instance whose sweep of old tasks never gets its answer closes all the same', async () => {
    const schema = await createRedoDatabase(database);
    const proxy = await startTcpProxy(schema.url);
    const unanswered = proxy.holdBack('redo_task_id > ');
    const app = await startApp(schema, {
      handlers: { job: () => {} },
      options: { lease: 1_000, schedule: { interval: 20 } },
      dataSource: proxy.address,
    });
    await unanswered;
    await app.close();
    expect(app.dataSource.isInitialized).toBe(false);
    await proxy.close();
    await schema.drop();
  });
});
