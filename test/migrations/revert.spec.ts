import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { forEachJavaServer, type TestDatabase } from '../support/databases.js';
import { addSeedTasks, createSeedTables, SEED_TASKS } from '../support/seed-tables.js';
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

let schema: TestDatabase;
afterEach(() => schema.drop());

forEachJavaServer((database) => {
  beforeEach(async () => {
    schema = await database.create();
  });

  test('the seed’s tables are again exactly what they were, and so are their rows', async () => {
    await createSeedTables(schema);
    await addSeedTasks(schema);
    const everything = async () => ({
      tables: await tablesOf(schema),
      tasks: await rowsOf(schema, 'tbl_redotask'),
      locks: await rowsOf(schema, 'tbl_pessimistic_lock'),
      taskTable: await structureOf(schema, 'tbl_redotask'),
      lockTable: await structureOf(schema, 'tbl_pessimistic_lock'),
    });
    const before = await everything();
    await migrate(schema);
    await schema.query(`INSERT INTO tbl_pessimistic_lock (resource) VALUES ('nestjs-redo:order-service')`);
    await revert(schema);
    expect(await everything()).toEqual(before);

    await migrate(schema);
    await revert(schema);
    expect(await everything()).toEqual(before);
  });

  test('live tasks stay, with dates that Java reads; a task Java added without a date gets none', async () => {
    await createSeedTables(schema);
    await addSeedTasks(schema, [{ ...SEED_TASKS[0]!, create_time: null }]);
    await onOneConnection(schema, async (queryRunner, migration) => {
      await queryRunner.query(`SET time_zone = '+05:30'`);
      await migration.up(queryRunner);
      await addTask(schema, { add_time: Date.parse('2026-07-01T12:00:00.999+05:30') });
      for (const date of ['2030-01-02T03:04:05', '2099-12-31T00:00:00', '9999-12-31T23:59:59']) {
        await addTask(schema, { expire_time: Date.parse(`${date}+05:30`) });
      }
      await migration.down(queryRunner);
    });
    const rows = await schema.query<{ created: string; expired: string }>(`
      SELECT CAST(create_time AS CHAR) AS created, CAST(expired_date AS CHAR) AS expired
        FROM tbl_redotask ORDER BY id`);
    expect(rows[0]).toEqual({ created: null, expired: null });
    expect(rows[1]).toEqual({ created: '2026-07-01 12:00:00', expired: null });
    expect(rows.slice(2).map((row) => row.expired)).toEqual([
      '2030-01-02 03:04:05',
      '2099-12-31 00:00:00',
      '9999-12-31 23:59:59',
    ]);
  });

  test('a table of our own with live tasks becomes the seed’s table', async () => {
    await migrate(schema);
    await addTask(schema);
    await revert(schema);
    const reverted = await structureOf(schema, 'tbl_redotask');

    const other = await database.create();
    await createSeedTables(other);
    const seed = await structureOf(other, 'tbl_redotask');
    await other.drop();
    expect(reverted).toEqual(seed);
    expect(await tablesOf(schema)).toEqual(['tbl_redotask']);
  });

  test('what does not fit into the seed’s columns keeps its place', async () => {
    await createSeedTables(schema);
    await migrate(schema);
    const long = JSON.stringify({ params: 'x'.repeat(2_000) });
    await addTask(schema, { id: 3_000_000_000, redo_task_id: '任务😀', req_param: long });
    await addTask(schema, { application_name: '服务😀', req_param: '{"params":"😀"}' });
    const before = await rowsOf(schema, 'tbl_redotask');
    await revert(schema);
    const after = await rowsOf(schema, 'tbl_redotask');
    const { columns } = await structureOf(schema, 'tbl_redotask');
    const text = ({ id, redo_task_id, application_name, req_param }: Record<string, unknown>) => ({
      id,
      redo_task_id,
      application_name,
      req_param,
    });
    expect(after.map(text)).toEqual(before.map(text));
    expect(columns.map(({ name }) => name)).not.toContain('status');

    await migrate(schema);
    expect((await rowsOf(schema, 'tbl_redotask')).map(text)).toEqual(before.map(text));
  });

  test('an emoji alone keeps its column wide', async () => {
    await createSeedTables(schema);
    await migrate(schema);
    await addTask(schema, { req_param: '{"params":"😀"}' });
    await revert(schema);
    expect(await rowsOf(schema, 'tbl_redotask')).toMatchObject([{ req_param: '{"params":"😀"}' }]);
    const { columns } = await structureOf(schema, 'tbl_redotask');
    const types = Object.fromEntries(columns.map(({ name, type }) => [name, type]));
    expect(types).toMatchObject({ req_param: 'mediumtext', redo_task_id: 'varchar(64)' });
    expect(types['id']).toMatch(/^int/);
  });

  test('ids beyond Java’s int stay possible, also when those tasks are gone', async () => {
    await createSeedTables(schema);
    await migrate(schema);
    await addTask(schema, { id: 3_000_000_000 });
    await schema.query('DELETE FROM tbl_redotask');
    await revert(schema);
    await addSeedTasks(schema, SEED_TASKS.slice(0, 1));
    expect(await rowsOf(schema, 'tbl_redotask')).toMatchObject([{ id: 3_000_000_001 }]);
  });

  test('finished tasks are put aside, so that Java does not run them again, and taken back', async () => {
    await createSeedTables(schema);
    await schema.query(`ALTER TABLE tbl_redotask ADD COLUMN operator_note VARCHAR(20)`);
    await addSeedTasks(schema);
    await migrate(schema);
    await schema.query(`
      UPDATE tbl_redotask
         SET status = 'DEAD', dead_reason = 'EXPIRED', operator_note = '已处理'
       WHERE expired_date IS NOT NULL`);
    for (const task of FINISHED_TASKS) await addTask(schema, task);
    const finished = await schema.query(`SELECT * FROM tbl_redotask WHERE status <> 'PENDING' ORDER BY id`);

    await revert(schema);
    expect(await rowsOf(schema, 'tbl_redotask')).toHaveLength(
      SEED_TASKS.filter((task) => task.expired_date === null).length,
    );
    expect(await rowsOf(schema, 'tbl_redotask_kept')).toEqual(finished);

    await migrate(schema);
    expect(await schema.query(`SELECT * FROM tbl_redotask WHERE status <> 'PENDING' ORDER BY id`)).toEqual(
      finished,
    );
    expect(await tablesOf(schema)).not.toContain('tbl_redotask_kept');
  });

  test('kept tasks whose ids are taken meanwhile get new ones', async () => {
    await migrate(schema);
    for (const task of FINISHED_TASKS) await addTask(schema, task);
    await revert(schema);
    await createSeedTables(schema);
    await schema.query('ALTER TABLE tbl_redotask AUTO_INCREMENT = 1');
    await addSeedTasks(schema, SEED_TASKS.slice(0, 1));
    await migrate(schema);
    expect(await rowsOf(schema, 'tbl_redotask')).toMatchObject([
      { id: 1, status: 'PENDING', req_param: SEED_TASKS[0]!.req_param },
      { id: 2, status: 'SUCCEEDED' },
      { id: 3, status: 'DEAD' },
    ]);
  });

  test('zero dates survive, kept aside or not', async () => {
    await createSeedTables(schema);
    await onOneConnection(schema, async (queryRunner, migration) => {
      await queryRunner.query(`SET SESSION sql_mode = ''`);
      await queryRunner.query(`
        INSERT INTO tbl_redotask (redo_task_id, expired_date) VALUES ('live', '0000-00-00'), ('dead', '0000-00-00')`);
      await queryRunner.query(`SET SESSION sql_mode = 'STRICT_ALL_TABLES,NO_ZERO_DATE,NO_ZERO_IN_DATE'`);
      await migration.up(queryRunner);
      await queryRunner.query(`UPDATE IGNORE tbl_redotask SET status = 'DEAD' WHERE redo_task_id = 'dead'`);
      await migration.down(queryRunner);
    });
    const dates = (table: string) => schema.query(`SELECT CAST(expired_date AS CHAR) AS date FROM ${table}`);
    expect(await dates('tbl_redotask')).toEqual([{ date: '0000-00-00 00:00:00' }]);
    expect(await dates('tbl_redotask_kept')).toEqual([{ date: '0000-00-00 00:00:00' }]);
  });
});
