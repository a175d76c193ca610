import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { DataSource } from 'typeorm';
import { redoMigrations } from '../../migrations/index.js';
import {
  createDatabase,
  forEachDatabase,
  forEachServer,
  isJavas,
  type TestDatabase,
} from '../support/databases.js';
import { currentTestRun } from '../support/test-run.js';
import {
  addTask,
  FINISHED_TASKS,
  migrate,
  onOneConnection,
  revert,
  rowsOf,
  structureOf,
  tablesOf,
} from './migrating.js';

const TABLES = ['tbl_pessimistic_lock', 'tbl_redo_pause', 'tbl_redo_worker', 'tbl_redotask'];

let schema: TestDatabase;
afterEach(() => schema.drop());

forEachDatabase((database) => {
  beforeEach(async () => {
    schema = await database.create();
  });

  test('an empty database gets the tables, and running again changes nothing', async () => {
    await migrate(schema);
    expect(await tablesOf(schema)).toEqual(TABLES);
    await addTask(schema);
    const rows = await rowsOf(schema, 'tbl_redotask');

    await migrate(schema);
    expect(await rowsOf(schema, 'tbl_redotask')).toEqual(rows);
  });

  test('a task needs no more than its type', async () => {
    await migrate(schema);
    await schema.query(`INSERT INTO tbl_redotask (redo_task_id) VALUES ('order.notify-partner')`);
    expect(await rowsOf(schema, 'tbl_redotask')).toEqual([
      {
        id: 1,
        redo_task_id: 'order.notify-partner',
        application_name: null,
        max_attempts: null,
        exec_times: 0,
        try_forever: null,
        req_param: null,
        status: 'PENDING',
        next_exec_time: 0,
        expire_time: null,
        add_time: 0,
        dead_reason: null,
        dead_detail: null,
        dedupe_key: null,
        dedupe_hash: null,
        errors: null,
      },
    ]);
  });

  test('two live tasks of one deduplication hash are refused, any number without one are not', async () => {
    await migrate(schema);
    await addTask(schema);
    await addTask(schema);
    await addTask(schema, { dedupe_hash: 'a'.repeat(64) });
    await expect(addTask(schema, { dedupe_hash: 'a'.repeat(64) })).rejects.toThrow();
  });

  test('an emoji and 1 MB of parameters fit', async () => {
    await migrate(schema);
    const params = JSON.stringify({ params: '😀'.repeat(262_144) });
    await addTask(schema, { req_param: params });
    const [row] = await rowsOf(schema, 'tbl_redotask');
    expect(row!['req_param'] === params).toBe(true);
  });

  test('reverting without tasks leaves nothing', async () => {
    await migrate(schema);
    await schema.query(`INSERT INTO tbl_pessimistic_lock (resource) VALUES ('nestjs-redo:order-service')`);
    await revert(schema);
    expect(await tablesOf(schema)).toEqual([]);
  });

  test('reverting keeps locks of others', async () => {
    await migrate(schema);
    await schema.query(
      `INSERT INTO tbl_pessimistic_lock (resource) VALUES ('nestjs-redo:order-service'), ('report')`,
    );
    await revert(schema);
    expect(await rowsOf(schema, 'tbl_pessimistic_lock')).toMatchObject([{ resource: 'report' }]);
  });

  test('finished tasks survive reverting and running again, to the last bit', async () => {
    await migrate(schema);
    for (const task of FINISHED_TASKS) await addTask(schema, task);
    const rows = await rowsOf(schema, 'tbl_redotask');

    await revert(schema);
    expect(await tablesOf(schema)).toEqual(['tbl_redotask_kept']);
    expect(await rowsOf(schema, 'tbl_redotask_kept')).toEqual(rows);

    await migrate(schema);
    expect(await tablesOf(schema)).toEqual(TABLES);
    expect(await rowsOf(schema, 'tbl_redotask')).toEqual(rows);
  });

  test('one migration more or less in a transaction or without one', async () => {
    for (const migrationsTransactionMode of ['all', 'each', 'none'] as const) {
      const options = schema.options({ migrations: redoMigrations, migrationsTransactionMode });
      const dataSource = await new DataSource(options).initialize();
      await dataSource.runMigrations();
      await dataSource.undoLastMigration();
      await dataSource.destroy();
      expect(await tablesOf(schema)).toEqual([]);
    }
  });
});

forEachServer((database) => {
  beforeEach(async () => {
    schema = await database.create();
  });

  test('every table and column says what it is', async () => {
    await migrate(schema);
    for (const table of TABLES) {
      const { columns, itself } = await structureOf(schema, table);
      expect(itself!.comment).toMatch(/^nestjs-redo: /);
      expect(columns.filter((column) => column.comment === '')).toEqual([]);
    }
  });

  test('keys are compared byte by byte', async () => {
    await migrate(schema);
    const { columns } = await structureOf(schema, 'tbl_redotask');
    const collations = Object.fromEntries(columns.map((column) => [column.name, column.collation]));
    const [text, ascii] = database.kind === 'postgres' ? ['C', 'C'] : ['utf8mb4_bin', 'ascii_bin'];
    expect(collations).toMatchObject({
      redo_task_id: text,
      application_name: text,
      dedupe_key: text,
      status: ascii,
      dedupe_hash: ascii,
    });
  });
});

const wanted = currentTestRun().databases.some(({ kind }) => kind === 'postgres');

(wanted ? describe : describe.skip)(
  'on PostgreSQL, where there is nothing of the Java component’s to take over',
  () => {
    test.each(TABLES)(
      'a table %s of somebody else’s is an error that says what to do, and nothing is changed',
      async (table) => {
        const { url } = currentTestRun().databases.find(({ kind }) => kind === 'postgres')!;
        schema = await createDatabase('postgres', url);
        await schema.query(`CREATE TABLE ${table} (id INT)`);
        await schema.query(`INSERT INTO ${table} VALUES (1)`);
        const running = onOneConnection(schema, (queryRunner, migration) => migration.up(queryRunner));
        await expect(running).rejects.toThrow(
          `redo: there is a table ${table} already, and it is not of this migration; rename it, or`,
        );
        expect(await tablesOf(schema)).toEqual([table]);
        expect(await rowsOf(schema, table)).toEqual([{ id: 1 }]);
      },
    );
  },
);

test('a database of another type gets an error that names the supported ones', async () => {
  schema = { drop: () => Promise.resolve() } as TestDatabase;
  const queryRunner = { dataSource: { options: { type: 'oracle' } } };
  await expect(new redoMigrations[0]!().up(queryRunner as never)).rejects.toThrow(
    'redo: no migrations for databases of type "oracle"; supported: mysql, mariadb, postgres, better-sqlite3',
  );
});

forEachDatabase((database) => {
  const javas = isJavas(database.kind);
  beforeEach(async () => {
    schema = await database.create();
  });

  test(
    !javas
      ? 'live tasks survive reverting and running again, to the last bit, and no id is used twice'
      : 'live tasks survive reverting in the form that Java reads, and running again',
    async () => {
      await migrate(schema);
      await addTask(schema, { exec_times: 3, expire_time: 4_102_358_400_999 });
      await addTask(schema, { status: 'PARKED', req_param: '{"params":' });
      const rows = await rowsOf(schema, 'tbl_redotask');
      await revert(schema);
      await migrate(schema);
      const rowsAfter = await rowsOf(schema, 'tbl_redotask');
      if (!javas) {
        expect(rowsAfter).toEqual(rows);
        await schema.query('DELETE FROM tbl_redotask WHERE id = 2');
        await addTask(schema);
        expect((await rowsOf(schema, 'tbl_redotask')).map(({ id }) => id)).toEqual([1, 3]);
      } else {
        const seconds = (value: unknown) => value && Number(value) - (Number(value) % 1000);
        expect(rowsAfter).toMatchObject(
          rows.map((row) => ({
            id: row['id'],
            req_param: row['req_param'],
            exec_times: row['exec_times'],
            status: 'PENDING',
            add_time: seconds(row['add_time']),
            expire_time: seconds(row['expire_time']),
          })),
        );
      }
    },
  );
});
