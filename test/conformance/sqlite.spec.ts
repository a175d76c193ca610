import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { redoMigrations } from 'nestjs-redo/migrations';
import { type QueryRunner } from 'typeorm';
import { createDatabase } from '../support/databases.js';
import { createRedoDatabase, gate, startApp, type TestApp } from '../support/redo-app.js';
import { sqliteDriver } from '../support/sqlite-driver.js';
import { type TestDatabase } from '../support/test-database.js';
import { currentTestRun } from '../support/test-run.js';
import { waitFor } from '../support/wait-for.js';

const range = (count: number) => Array.from({ length: count }, (_, index) => index);
const wanted = currentTestRun().databases.some(({ kind }) => kind === 'sqlite');

(wanted ? describe : describe.skip)('on a SQLite file', () => {
  let schema: TestDatabase;
  let app: TestApp;
  let calls: number[];
  let runner: QueryRunner | undefined;
  const notes = () => schema.query<{ id: number }>('SELECT id FROM note ORDER BY id');

  beforeAll(async () => {
    schema = await createRedoDatabase({ kind: 'sqlite', create: () => createDatabase('sqlite', '') });
    await schema.query('CREATE TABLE note (id INTEGER PRIMARY KEY)');
  });
  afterEach(async () => {
    if (runner?.isTransactionActive) await runner.rollbackTransaction();
    runner = undefined;
    await app.close();
    for (const table of ['tbl_redotask', 'note']) await schema.query(`DELETE FROM ${table}`);
  });
  afterAll(() => schema.drop());

  const start = async () => {
    calls = [];
    app = await startApp(schema, {
      handlers: { job: (params: never) => void calls.push(params), slow: () => running.passed },
    });
  };
  let running = gate();
  const begin = async () => {
    runner = app.dataSource.createQueryRunner();
    await runner.startTransaction();
    return runner;
  };

  test('a transaction that the application leaves open across awaits is not disturbed by the engine: it commits whole', async () => {
    await start();
    const { id } = await app.redo.addRedoTask('job', 1);
    await app.told('succeeded', id);
    const open = await begin();
    await open.query('INSERT INTO note VALUES (1)');
    // The engine has something to do now, and the file is locked.
    const pass = app.redo.redrive();
    await app.redo.addRedoTask('job', 2, { manager: open.manager });
    await open.query('INSERT INTO note VALUES (2)');
    expect(await app.redo.stats()).toMatchObject({ workers: 1 });
    expect(await notes()).toEqual([]);
    await open.commitTransaction();
    expect(await notes()).toEqual([{ id: 1 }, { id: 2 }]);
    await pass;
    await waitFor(() => calls.length === 2, { what: 'the task of the transaction' });
    expect(calls).toEqual([1, 2]);
  });

  test('nor does it disturb the engine: rolled back, it takes nothing of the engine’s with it', async () => {
    running = gate();
    await start();
    const done = await app.redo.addRedoTask('slow', {});
    await app.told('started', done.id);
    const open = await begin();
    await open.query('SELECT COUNT(*) FROM note');
    // The application has only read so far: the engine settles beside it.
    running.open();
    await app.told('succeeded', done.id);
    expect(await schema.query('SELECT id FROM tbl_redotask')).toEqual([]);
    await app.redo.addRedoTask('job', 1, { delay: 3_600_000 });
    await open.rollbackTransaction();
    expect(await schema.query('SELECT id FROM tbl_redotask WHERE id = ?', [done.id])).toEqual([]);
    expect(await app.redo.count()).toBe(1);
  });

  test('what the engine must write while the application writes waits for its end, and is written once', async () => {
    running = gate();
    await start();
    const { id } = await app.redo.addRedoTask('slow', {});
    await app.told('started', id);
    const open = await begin();
    await open.query('INSERT INTO note VALUES (1)');
    running.open();
    // Two hundred turns of the event loop, in which nothing stands still.
    for (const turn of range(200)) await new Promise((resolve) => setImmediate(() => resolve(turn)));
    expect(app.all('succeeded')).toEqual([]);
    await open.rollbackTransaction();
    await app.told('succeeded', id);
    expect(await notes()).toEqual([]);
    expect(app.all('leaseLost')).toEqual([]);
  });

  test('many transactions of the application and the engine go on side by side, and lose nothing of either', async () => {
    await start();
    // TypeORM shares one connection: transactions of one application are taken in turn.
    for (const id of range(100)) {
      const open = await begin();
      await open.query('INSERT INTO note VALUES (?)', [id]);
      await app.redo.addRedoTask('job', id, { manager: open.manager });
      if (id % 5 === 0) await open.rollbackTransaction();
      else await open.commitTransaction();
    }
    await waitFor(async () => (await app.redo.count()) === 0, { what: 'all to end' });
    const kept = range(100).filter((id) => id % 5 !== 0);
    expect(await notes()).toEqual(kept.map((id) => ({ id })));
    expect(calls.sort((one, other) => one - other)).toEqual(kept);
  });
});

(wanted ? describe : describe.skip)('on a SQLite database in memory', () => {
  const memory: Pick<TestDatabase, 'options'> = {
    options: (extra) =>
      ({
        type: 'better-sqlite3',
        database: ':memory:',
        driver: sqliteDriver(),
        migrations: redoMigrations,
        migrationsRun: true,
        ...extra,
      }) as ReturnType<TestDatabase['options']>,
  };

  test('the engine takes its turn between the application’s transactions', async () => {
    const calls: number[] = [];
    const app = await startApp(memory as TestDatabase, {
      handlers: { job: (params: never) => void calls.push(params) },
    });
    await app.dataSource.query('CREATE TABLE note (id INTEGER PRIMARY KEY)');
    for (const id of range(60)) {
      const work = app.dataSource.transaction(async (manager) => {
        await manager.query('INSERT INTO note VALUES (?)', [id]);
        await app.redo.addRedoTask('job', id, { manager });
        await new Promise((resolve) => setImmediate(resolve));
        if (id % 3 === 0) throw new Error('no');
      });
      await work.catch(() => {});
    }
    await app.redo.addRedoTasks('job', [100, 101]);
    await waitFor(async () => (await app.redo.count()) === 0, { what: 'all to end' });
    const kept = range(60).filter((id) => id % 3 !== 0);
    expect(calls.sort((one, other) => one - other)).toEqual([...kept, 100, 101]);
    const notes: { id: number }[] = await app.dataSource.query('SELECT id FROM note ORDER BY id');
    expect(notes.map(({ id }) => id)).toEqual(kept);
    await app.close();
  });

  test('a transaction that stays open holds the engine back, and no more', async () => {
    const app = await startApp(memory as TestDatabase, { handlers: { job: () => {} } });
    const { id } = await app.redo.addRedoTask('job', {}, { delay: 30 });
    const runner = app.dataSource.createQueryRunner();
    await runner.startTransaction();
    await waitFor(
      async () => {
        const due = `SELECT COUNT(*) AS count FROM tbl_redotask WHERE next_exec_time < unixepoch('now', 'subsec') * 1000 - 30`;
        const [row] = (await runner.query(due)) as { count: number }[];
        return row?.count === 1;
      },
      { what: 'it to be due' },
    );
    expect(app.all('started')).toEqual([]);
    await runner.rollbackTransaction();
    await app.told('succeeded', id);
    await app.close();
  });
});
