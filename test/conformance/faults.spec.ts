import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { type RedoContext } from 'nestjs-redo';
import { createDatabase, forEachDatabase, forEachServer } from '../support/databases.js';
import { createRedoDatabase, gate, migrate, rowOf, startApp, type TestApp } from '../support/redo-app.js';
import { createRunLedger, runsOf } from '../support/run-ledger.js';
import { killSession, sessionsOf, winDeadlocks } from '../support/server-activity.js';
import { openConnection, type ServerConnection } from '../support/server-connection.js';
import { type ServerKindName } from '../support/server-kinds.js';
import { type DatabaseServer, ServerUnavailable, startServer } from '../support/servers.js';
import { startTcpProxy, type TcpProxy } from '../support/tcp-proxy.js';
import { type TestDatabase } from '../support/test-database.js';
import { waitFor } from '../support/wait-for.js';
import { ask, killWorkers, type Order, spawnWorker, startWorker, toldBy } from '../support/worker-process.js';

/** How long a statement waits for a lock, 1 s, and how the server says that it was too long. */
const LOCK_WAIT = {
  mysql: ['SET SESSION innodb_lock_wait_timeout = 1', 'ER_LOCK_WAIT_TIMEOUT'],
  postgres: [`SET lock_timeout = '1s'`, '55P03'],
} as const;

const range = (count: number) => Array.from({ length: count }, (_, index) => index);

forEachDatabase((database) => {
  test('dropped tables are told as trouble that names the migrations; when they are back, so is the work', async () => {
    const schema = await createRedoDatabase(database);
    const app = await startApp(schema, {
      handlers: { job: () => {} },
      options: { schedule: { interval: 20 } },
    });
    await app.redo.redrive();
    const tables = [
      'tbl_redotask',
      'tbl_redo_worker',
      'tbl_redo_pause',
      'tbl_pessimistic_lock',
      'migrations',
    ];
    for (const table of tables) await schema.query(`DROP TABLE ${table}`);
    const trouble = await app.told('trouble');
    expect(trouble.error.name).toBe('MissingTablesError');
    expect(trouble.error.message).toContain('run the migrations');
    expect(trouble.retryIn).toBeGreaterThan(0);
    await migrate(schema);
    await app.told('recovered');
    const { id } = await app.redo.addRedoTask('job', {});
    await app.told('succeeded', id);
    await app.close();
    await schema.drop();
  });
});

forEachServer((database) => {
  let schema: TestDatabase;
  let proxy: TcpProxy;
  const clean = async () => {
    for (const table of ['tbl_redotask', 'tbl_redo_worker', 'tbl_test_runs'])
      await schema.query(`DELETE FROM ${table}`);
  };

  beforeAll(async () => {
    schema = await createRedoDatabase(database);
    await createRunLedger(schema);
    proxy = await startTcpProxy(schema.url);
  });
  let stranger: ServerConnection | undefined;
  afterEach(async () => {
    stranger?.close();
    await killWorkers();
    await clean();
  });
  afterAll(async () => {
    await proxy.close();
    await schema.drop();
  });

  describe('connections that are killed while 200 tasks are in flight', () => {
    test('cost nothing: each task runs once and is settled, and the process lives', async () => {
      const producer = await startApp(schema, { handlers: { job: {} }, options: { worker: false } });
      const worker = await startWorker(schema, { url: proxy.url, options: { concurrency: 20 } });
      await producer.redo.addRedoTasks(
        'job',
        range(200).map((): Order => ({ deed: 'work', ms: 20 })),
      );
      // Only the engine's connections come through the proxy.
      let cuts = 0;
      for (; (await producer.redo.count()) > 0 && cuts < 500; cuts += 1) {
        const before = proxy.connections;
        await killConnections();
        await waitFor(
          async () => proxy.connections > 0 || before === 0 || (await producer.redo.count()) === 0,
          { what: 'new connections' },
        );
      }
      await waitFor(async () => (await producer.redo.count()) === 0, { what: 'all to be settled' });
      expect(cuts).toBeGreaterThan(0);
      const runs = await runsOf(schema);
      expect(runs).toHaveLength(200);
      expect(new Set(runs.map(({ task }) => task)).size).toBe(200);
      expect(runs.every(({ attempt, ended }) => attempt === 1 && ended === 1)).toBe(true);
      expect(toldBy(worker, 'leaseLost')).toEqual([]);
      await ask(worker, 'close');
      expect(await worker.exited).toEqual({ code: 0, signal: null });
      await producer.close();
    });

    /** Whatever the server knows of the worker's connections: those in its schema that are neither ours nor the ledger's. */
    async function killConnections(): Promise<void> {
      const sessions = await sessionsOf(schema);
      const ports = proxy.upstreamPorts;
      for (const session of sessions.filter(({ port }) => ports.includes(port)))
        await killSession(schema, session);
    }
  });

  describe('a COMMIT whose answer is lost', () => {
    test('counts no attempt twice and loses none: each of 12 tasks fails its 4 attempts, one after another', async () => {
      const attempts = new Map<number, number[]>();
      const policy = { maxAttempts: 4, backoff: { type: 'fixed', delay: 0 } } as const;
      const app = await startApp(schema, {
        handlers: {
          job: {
            policy,
            handle: (_: never, { id, attempt }: RedoContext) => {
              attempts.set(id, [...(attempts.get(id) ?? []), attempt]);
              throw new Error(`attempt ${attempt}`);
            },
          },
        },
        options: { concurrency: 4, batchSize: 4 },
        dataSource: { ...proxy.address, poolSize: 3 },
      });
      await schema.query(
        `INSERT INTO tbl_redotask (application_name, redo_task_id, max_attempts, req_param) VALUES
         ${range(12)
           .map(() => `('order-service', 'job', 4, '{"params":{}}')`)
           .join(', ')}`,
      );
      const dead = async () => {
        const [row] = await schema.query<{ count: number }>(
          `SELECT COUNT(*) AS count FROM tbl_redotask WHERE status = 'DEAD'`,
        );
        return Number(row!.count);
      };
      void app.redo.redrive().catch(() => {});
      let lost = 0;
      let round = 1;
      while ((await dead()) < 12) {
        // Now a claim's, now a flush's, now none between two that are lost.
        const heard = proxy.loseAnswersTo('COMMIT', (7 * round++) % 5).then(() => (lost += 1));
        await waitFor(
          async () => (await Promise.race([heard, Promise.resolve(0)])) > 0 || (await dead()) === 12,
          {
            what: 'a COMMIT',
          },
        );
        proxy.cut();
        await proxy.heal();
      }
      expect(lost).toBeGreaterThan(3);
      const tasks = await waitFor(
        async () => {
          const all = await app.redo.list({ status: 'DEAD' });
          return all.length === 12 ? all : undefined;
        },
        { what: 'the end' },
      );
      for (const task of tasks) {
        expect(task).toMatchObject({ attempts: 4, deadReason: 'EXHAUSTED' });
        expect(task.errors.map(({ message }) => message)).toEqual(
          range(4).map((each) => `attempt ${each + 1}`),
        );
        expect(attempts.get(task.id)).toEqual([1, 2, 3, 4]);
      }
      expect(app.all('leaseLost')).toEqual([]);
      await app.close();
    });
  });

  describe('a deadlock with a stranger’s transaction', () => {
    test('is tried again: the attempt is settled once', async () => {
      const { passed, open } = gate();
      let calls = 0;
      const app: TestApp = await startApp(schema, {
        handlers: {
          job: async () => {
            calls += 1;
            await passed;
          },
        },
      });
      const { id } = await app.redo.addRedoTask('job', {});
      await app.told('started', id);
      stranger = await openConnection(schema.url);
      await stranger.query('BEGIN');
      await winDeadlocks(schema, stranger);
      // It has written more, so the server gives it the way.
      await stranger.query(
        `INSERT INTO tbl_test_runs (task, attempt, pid) VALUES ${range(2_000)
          .map(() => '(0, 0, 0)')
          .join(', ')}`,
      );
      await stranger.query('SELECT id FROM tbl_redo_worker FOR UPDATE');
      open();
      await waitFor(async () => (await waiting()) > 0, { what: 'the engine to wait for the stranger' });
      // Whatever it waits in, a claim or a flush: it has one of these, and is in the way of the other.
      await stranger.query('UPDATE tbl_pessimistic_lock SET description = description');
      // The engine's transaction was the one to be rolled back: what it had deleted is there again.
      expect(await stranger.query('SELECT id FROM tbl_redotask WHERE id = ? FOR UPDATE', [id])).toEqual([
        { id },
      ]);
      expect(app.all('succeeded')).toEqual([]);
      await stranger.query('ROLLBACK');
      await app.told('succeeded', id);
      expect(calls).toBe(1);
      expect(await rowOf(schema, id)).toBeUndefined();
      await app.close();
    });

    test('cannot come of a task’s row that a stranger holds: the others are settled meanwhile, that one afterwards', async () => {
      const app = await startApp(schema, {
        handlers: {
          job: () => {},
          failing: { policy: { maxAttempts: 1 }, handle: () => Promise.reject(new Error('no')) },
        },
      });
      const [held, ...rest] = await app.redo.addRedoTasks('job', range(5), { delay: 200 });
      stranger = await openConnection(schema.url);
      await stranger.query('BEGIN');
      await stranger.query('SELECT id FROM tbl_redotask WHERE id = ? FOR UPDATE', [held!.id]);
      for (const { id } of rest) await app.told('succeeded', id);
      const failing = await app.redo.addRedoTask('failing', {});
      await app.told('dead', failing.id);
      expect(await rowOf(schema, held!.id)).toMatchObject({ status: 'PENDING' });
      await stranger.query('ROLLBACK');
      await app.told('succeeded', held!.id);
      expect(app.all('started').filter(({ id }) => id === held!.id)).toHaveLength(1);
      await app.close();
    });

    async function waiting(): Promise<number> {
      const sessions = await sessionsOf(schema);
      return sessions.filter(({ statement }) => statement.startsWith('UPDATE tbl_redo_worker')).length;
    }
  });

  test('a lock wait time-out is tried again: trouble is told, the lease kept, the attempt settled once', async () => {
    const poolSize = 3;
    const { passed, open } = gate();
    const app = await startApp(schema, {
      handlers: { job: () => passed },
      dataSource: { poolSize },
    });
    const runners = range(poolSize).map(() => app.dataSource.createQueryRunner());
    await Promise.all(runners.map((runner) => runner.connect()));
    const [setting, code] = LOCK_WAIT[database.kind === 'postgres' ? 'postgres' : 'mysql'];
    for (const runner of runners) await runner.query(setting);
    for (const runner of runners) await runner.release();
    const { id } = await app.redo.addRedoTask('job', {});
    await app.told('started', id);
    stranger = await openConnection(schema.url);
    await stranger.query('BEGIN');
    await stranger.query('SELECT id FROM tbl_redo_worker FOR UPDATE');
    open();
    const { error } = await app.told('trouble');
    expect(error).toMatchObject({ driverError: { code } });
    expect(await rowOf(schema, id)).toMatchObject({ status: 'PENDING' });
    await stranger.query('ROLLBACK');
    expect(await app.told('succeeded', id)).toMatchObject({ attempt: 1 });
    await app.told('recovered');
    expect(app.all('leaseLost')).toEqual([]);
    await app.close();
  });

  test('a server whose connections do not commit by themselves is refused at start-up, with words that say so', async () => {
    // PostgreSQL knows autocommit in its clients alone, and pg has none that could be off.
    if (database.kind === 'postgres') return;
    const server = await startServer(database.kind as ServerKindName, { ownProcess: true });
    // One that was given by its URL is not ours to change.
    if (!server.ownProcess) return server.stop();
    const own = await createDatabase(database.kind, server.url);
    await migrate(own);
    await own.query('SET GLOBAL autocommit = 0');
    await expect(startApp(own)).rejects.toThrow('come with autocommit off');
    await server.stop();
  });

  test('a step without an answer is given up with its connection: a pool of one serves the application meanwhile', async () => {
    const { passed, open } = gate();
    const app = await startApp(schema, {
      handlers: { job: () => passed },
      options: { lease: 6_000 },
      dataSource: { poolSize: 1 },
    });
    const { id } = await app.redo.addRedoTask('job', {});
    await app.told('started', id);
    stranger = await openConnection(schema.url);
    await stranger.query('BEGIN');
    await stranger.query('SELECT id FROM tbl_redo_worker FOR UPDATE');
    open();
    const { error } = await app.told('trouble');
    expect(error.name).toBe('DatabaseTimeoutError');
    expect(await app.dataSource.query('SELECT 1')).toHaveLength(1);
    await stranger.query('ROLLBACK');
    expect(await app.told('succeeded', id)).toMatchObject({ attempt: 1 });
    await app.close();
    const transactions = async () => (await sessionsOf(schema)).filter(({ inTransaction }) => inTransaction);
    await waitFor(async () => (await transactions()).length === 0, {
      what: 'what was given up to be rolled back',
    });
  });

  test('an instance that vanishes from the network in the midst of a claim has the lock row for 15 s at most', async () => {
    const handlers = { job: () => {} };
    const vanishing = await startApp(schema, {
      handlers: { job: () => new Promise(() => {}) },
      options: { schedule: { interval: 20 }, shutdownTimeout: 0 },
      dataSource: proxy.address,
    });
    await waitFor(async () => (await vanishing.redo.workers()).length === 1, { what: 'it to register' });
    // The claim's last statement but the COMMIT.
    const held = proxy.holdBack('UPDATE tbl_redo_worker');
    const other = await startApp(schema, { handlers, options: { worker: false } });
    const { id } = await other.redo.addRedoTask('job', {});
    await held;
    proxy.freeze();
    expect(await schema.query('SELECT id FROM tbl_pessimistic_lock FOR UPDATE SKIP LOCKED')).toEqual([]);
    const survivor = await startApp(schema, { handlers });
    await waitFor(() => survivor.all('succeeded').length > 0, {
      what: 'the other instance',
      timeout: 40_000,
    });
    expect(survivor.all('succeeded')).toMatchObject([{ id, attempt: 1 }]);
    expect(vanishing.all('started')).toEqual([]);
    await Promise.all([survivor.close(), other.close()]);
    await proxy.heal();
    await vanishing.close();
  });

  test('the sessions of the application’s pool are as it has set them', async () => {
    const { change, level, read } = SESSION[database.kind as ServerKindName];
    const app = await startApp(schema, { handlers: { job: () => {} }, dataSource: { poolSize: 1 } });
    await app.dataSource.query(change);
    await app.dataSource.query(level);
    const [before] = await app.dataSource.query<object[]>(read);
    const { id } = await app.redo.addRedoTask('job', {});
    await app.told('succeeded', id);
    expect(await app.dataSource.query(read)).toEqual([before]);
    expect(Object.values(before ?? {})).toEqual([
      expect.stringMatching(/^1234/),
      expect.stringMatching(/serializable/i),
    ]);
    await app.close();
  });

  describe('a database that is away', () => {
    test('when the process starts is waited for', async () => {
      const late = await startTcpProxy(schema.url);
      late.cut();
      const worker = await spawnWorker(schema, { url: late.url, ledgerUrl: schema.url });
      await waitFor(() => worker.lines.concat(worker.errors).some((line) => /Unable to connect/.test(line)), {
        what: 'its first failure',
      });
      await late.heal();
      await worker.waitForLine('workerStarted');
      const { id } = await ask(worker, 'add {"type":"job","params":{}}');
      await waitFor(async () => (await runsOf(schema, id as number)).length === 1, { what: 'a task' });
      await ask(worker, 'close');
      expect(await worker.exited).toEqual({ code: 0, signal: null });
      await late.close();
    });

    test('in the midst of the work is waited for without a restart; each task runs once', async () => {
      let server: DatabaseServer;
      try {
        server = await startServer(database.kind as ServerKindName);
      } catch (error) {
        if (error instanceof ServerUnavailable) return;
        throw error;
      }
      const own = await createDatabase(database.kind, server.url);
      await migrate(own);
      // The ledger stays on the shared server, which is not killed.
      const worker = await startWorker(own, { ledgerUrl: schema.url, options: { concurrency: 10 } });
      const ids: number[] = [];
      for (const round of range(4)) {
        const adding = await Promise.all(
          range(50).map(() =>
            ask(worker, `add ${JSON.stringify({ type: 'job', params: { deed: 'work', ms: 40 } })}`),
          ),
        );
        ids.push(...adding.map(({ id }) => id as number));
        const begun = () => runsOf(schema).then((runs) => runs.length);
        await waitFor(async () => (await begun()) > round * 50 + 5, { what: 'work', interval: 1 });
        if (round % 2 === 1) continue;
        await server.kill();
        await waitFor(() => toldBy(worker, 'trouble').length > 0, { what: 'trouble' });
        await server.restart();
      }
      await waitFor(async () => (await tasksLeft(own)) === 0, { what: 'all to be settled', timeout: 40_000 });
      const runs = await runsOf(schema);
      expect(runs.map(({ task }) => task).sort((one, other) => one - other)).toEqual(
        ids.sort((one, other) => one - other),
      );
      expect(runs.every(({ attempt, ended }) => attempt === 1 && ended === 1)).toBe(true);
      expect(toldBy(worker, 'recovered').length).toBeGreaterThan(0);
      await ask(worker, 'close');
      expect(await worker.exited).toEqual({ code: 0, signal: null });
      await own.drop();
      await server.stop();
    }, 120_000);

    async function tasksLeft(own: TestDatabase): Promise<number> {
      const [row] = await own.query<{ count: number }>('SELECT COUNT(*) AS count FROM tbl_redotask');
      return Number(row!.count);
    }
  });
});

/** What an application may have set for its sessions, and how to read it. */
const SESSION = {
  mysql: {
    change: 'SET SESSION wait_timeout = 1234',
    level: 'SET SESSION TRANSACTION ISOLATION LEVEL SERIALIZABLE',
    read: 'SELECT CONCAT(@@SESSION.wait_timeout) AS silence, @@SESSION.transaction_isolation AS level',
  },
  mariadb: {
    change: 'SET SESSION idle_transaction_timeout = 1234',
    level: 'SET SESSION TRANSACTION ISOLATION LEVEL SERIALIZABLE',
    read: 'SELECT CONCAT(@@SESSION.idle_transaction_timeout) AS silence, @@SESSION.tx_isolation AS level',
  },
  postgres: {
    change: "SET idle_in_transaction_session_timeout = '1234s'",
    level: 'SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL SERIALIZABLE',
    read: `SELECT current_setting('idle_in_transaction_session_timeout') AS silence,
                  current_setting('default_transaction_isolation') AS level`,
  },
} as const;
