import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { forEachJavaServer, type TestDatabase } from '../support/databases.js';
import { addSeedTasks, createSeedTables, SEED_TASKS } from '../support/seed-tables.js';
import { nowOf } from '../support/database-clock.js';
import { migrate, onOneConnection, rowsOf, structureOf, tablesOf } from './migrating.js';

let schema: TestDatabase;
afterEach(() => schema.drop());

forEachJavaServer((database) => {
  beforeEach(async () => {
    schema = await database.create();
    await createSeedTables(schema);
  });

  test('a taken-over table has the structure of a new one, besides its two dates', async () => {
    await addSeedTasks(schema);
    await migrate(schema);
    const takenOver = await structureOf(schema, 'tbl_redotask');
    const other = await database.create();
    await migrate(other);
    const created = await structureOf(other, 'tbl_redotask');
    await other.drop();

    const ofSeed = takenOver.columns.filter(({ name }) => ['expired_date', 'create_time'].includes(name));
    expect(ofSeed.map(({ type }) => type)).toEqual(['datetime', 'datetime']);
    expect({
      ...takenOver,
      columns: takenOver.columns.filter((column) => !ofSeed.includes(column)),
    }).toEqual(created);
  });

  test('tasks keep parameters, attempts and limits, and are due at once', async () => {
    await addSeedTasks(schema);
    const before = await rowsOf(schema, 'tbl_redotask');
    const started = await nowOf(schema);
    await migrate(schema);
    const after = await rowsOf(schema, 'tbl_redotask');

    expect(after).toMatchObject(before);
    expect(after).toHaveLength(SEED_TASKS.length);
    for (const row of after) {
      expect(row).toMatchObject({ status: 'PENDING', dead_reason: null, dedupe_hash: null, errors: null });
      expect(Number(row['next_exec_time'])).toBeGreaterThanOrEqual(started);
      expect(Number(row['next_exec_time'])).toBeLessThanOrEqual(await nowOf(schema));
    }
  });

  test('dates are read in the zone of the server, also far ahead, whatever the zone of this process', async () => {
    await addSeedTasks(schema);
    await onOneConnection(schema, async (queryRunner, migration) => {
      await queryRunner.query(`SET time_zone = '+05:30'`);
      await migration.up(queryRunner);
    });
    const rows = await rowsOf(schema, 'tbl_redotask');
    const inIndia = (date: string | null) => date && Date.parse(`${date.replace(' ', 'T')}+05:30`);
    expect(rows.map((row) => row['expire_time'])).toEqual(
      SEED_TASKS.map((task) => inIndia(task.expired_date)),
    );
    expect(rows.map((row) => row['add_time'])).toEqual(
      SEED_TASKS.map((task) => inIndia(task.create_time) ?? 0),
    );
  });

  test('zero dates are none, and stay what they were', async () => {
    await addSeedTasks(schema, [SEED_TASKS[0]!]);
    const permissive = `SET SESSION sql_mode = 'ALLOW_INVALID_DATES'`;
    await onOneConnection(schema, async (queryRunner) => {
      const [{ mode }] = (await queryRunner.query('SELECT @@SESSION.sql_mode AS mode')) as [{ mode: string }];
      await queryRunner.query(permissive);
      await queryRunner.query(`
        INSERT INTO tbl_redotask (redo_task_id, expired_date, create_time)
        VALUES ('a', '0000-00-00 00:00:00', '0000-00-00 00:00:00'),
               ('b', '2026-00-00 00:00:00', '2026-02-31 00:00:00')`);
      await queryRunner.query('SET SESSION sql_mode = ?', [mode]);
    });
    await migrate(schema);
    expect(
      await schema.query(`
        SELECT expire_time, add_time, CAST(expired_date AS CHAR) AS expired, CAST(create_time AS CHAR) AS created
          FROM tbl_redotask WHERE redo_task_id IN ('a', 'b') ORDER BY id`),
    ).toEqual([
      { expire_time: null, add_time: 0, expired: '0000-00-00 00:00:00', created: '0000-00-00 00:00:00' },
      { expire_time: null, add_time: 0, expired: '2026-00-00 00:00:00', created: '2026-02-31 00:00:00' },
    ]);
  });

  test('the connection keeps its SQL mode', async () => {
    await onOneConnection(schema, async (queryRunner, migration) => {
      await queryRunner.query(`SET SESSION sql_mode = 'ANSI_QUOTES,NO_BACKSLASH_ESCAPES,STRICT_ALL_TABLES'`);
      const before: unknown = await queryRunner.query('SELECT @@SESSION.sql_mode');
      await migration.up(queryRunner);
      expect(await queryRunner.query('SELECT @@SESSION.sql_mode')).toEqual(before);
      await migration.down(queryRunner);
      expect(await queryRunner.query('SELECT @@SESSION.sql_mode')).toEqual(before);
    });
  });

  test('the lock table is kept as it is, with its rows', async () => {
    const [structure, rows] = [
      await structureOf(schema, 'tbl_pessimistic_lock'),
      await rowsOf(schema, 'tbl_pessimistic_lock'),
    ];
    await migrate(schema);
    expect(await structureOf(schema, 'tbl_pessimistic_lock')).toEqual(structure);
    expect(await rowsOf(schema, 'tbl_pessimistic_lock')).toEqual(rows);
    expect(rows).toMatchObject([{ id: 1, description: '重试组件依赖锁' }]);
  });

  test('a lock table that was created has the columns and keys of a taken-over one', async () => {
    const takenOver = await structureOf(schema, 'tbl_pessimistic_lock');
    const other = await database.create();
    await migrate(other);
    const created = await structureOf(other, 'tbl_pessimistic_lock');
    await other.drop();
    const withoutComments = (structure: typeof created) => ({
      ...structure,
      itself: { ...structure.itself, comment: '' },
      columns: structure.columns.map((column) => ({ ...column, comment: '' })),
    });
    expect(withoutComments(created)).toEqual(withoutComments(takenOver));
  });

  test('a Java instance that is still running can add tasks', async () => {
    await migrate(schema);
    await addSeedTasks(schema);
    const rows = await rowsOf(schema, 'tbl_redotask');
    expect(rows).toHaveLength(SEED_TASKS.length);
    expect(rows[0]).toMatchObject({ status: 'PENDING', next_exec_time: 0, add_time: 0, exec_times: 0 });
  });

  test('ids go on', async () => {
    await addSeedTasks(schema, SEED_TASKS.slice(0, 2));
    await schema.query('DELETE FROM tbl_redotask');
    await migrate(schema);
    await addSeedTasks(schema, SEED_TASKS.slice(0, 1));
    expect(await rowsOf(schema, 'tbl_redotask')).toMatchObject([{ id: 11 }]);
  });

  test('columns of somebody else stay, with what they hold', async () => {
    await schema.query(`ALTER TABLE tbl_redotask ADD COLUMN operator_note VARCHAR(20) AFTER redo_task_id`);
    await addSeedTasks(schema, SEED_TASKS.slice(0, 1));
    await schema.query(`UPDATE tbl_redotask SET operator_note = '请勿删除'`);
    await migrate(schema);
    expect(await rowsOf(schema, 'tbl_redotask')).toMatchObject([{ operator_note: '请勿删除' }]);
  });

  test('another table of that name is left alone, and the error says what it lacks', async () => {
    await schema.query('ALTER TABLE tbl_redotask DROP COLUMN expired_date, DROP COLUMN try_forever');
    const structure = await structureOf(schema, 'tbl_redotask');
    await expect(migrate(schema)).rejects.toThrow('it lacks try_forever, expired_date');
    expect(await structureOf(schema, 'tbl_redotask')).toEqual(structure);
  });

  test('10,000 tasks are taken over in a moment', async () => {
    await addSeedTasks(schema, SEED_TASKS.slice(0, 10));
    for (let times = 0; times < 3; times++) {
      await schema.query(`
        INSERT INTO tbl_redotask
              (redo_task_id, application_name, max_attempts, exec_times, try_forever, expired_date, req_param, create_time)
        SELECT redo_task_id, application_name, max_attempts, exec_times, try_forever, expired_date, req_param, create_time
          FROM tbl_redotask
         CROSS JOIN (SELECT id AS copy FROM tbl_redotask LIMIT 10) AS copies`);
    }
    const [{ tasks }] = (await schema.query('SELECT COUNT(*) AS tasks FROM tbl_redotask')) as [
      { tasks: number },
    ];
    expect(tasks).toBeGreaterThanOrEqual(10_000);
    const started = performance.now();
    await migrate(schema);
    expect(performance.now() - started).toBeLessThan(20_000);
    expect(await schema.query('SELECT id FROM tbl_redotask WHERE next_exec_time = 0')).toEqual([]);
    expect(await tablesOf(schema)).toContain('tbl_redo_worker');
  });
});
