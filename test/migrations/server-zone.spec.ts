import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { createDatabase, type TestDatabase } from '../support/databases.js';
import { addSeedTasks, createSeedTables, SEED_TASKS } from '../support/seed-tables.js';
import { startServer, type DatabaseServer } from '../support/servers.js';
import { currentTestRun } from '../support/test-run.js';
import { nowOf } from '../support/database-clock.js';
import { addTask, migrate, revert, rowsOf } from './migrating.js';

/** Dates on the wall of a server in New York, and when they were. */
const DATES = {
  '2026-01-15 12:00:00': '2026-01-15T17:00:00Z',
  '2026-07-15 12:00:00': '2026-07-15T16:00:00Z',
  '2037-12-31 23:59:59': '2038-01-01T04:59:59Z',
  '2038-01-19 12:00:00': '2038-01-19T17:00:00Z',
  '2099-07-01 00:00:00': '2099-07-01T04:00:00Z',
  '2099-12-31 00:00:00': '2099-12-31T05:00:00Z',
  '9999-12-31 18:59:59': '9999-12-31T23:59:59Z',
  '1900-01-01 00:00:00': '1900-01-01T05:00:00Z',
};

/** It needs a MariaDB of its own: the zone of a server that was given by URL is what it is. */
const possible =
  !process.env['MARIADB_URL'] && currentTestRun().databases.some(({ kind }) => kind === 'mariadb');

(possible ? describe : describe.skip)('a MariaDB in New York', () => {
  let server: DatabaseServer;
  let schema: TestDatabase;
  beforeAll(async () => {
    server = await startServer('mariadb', { env: { TZ: 'America/New_York' } });
    schema = await createDatabase('mariadb', server.url);
  }, 120_000);
  afterAll(async () => {
    await schema.drop();
    await server.stop();
  });

  test('summer and winter are told apart, far ahead too, there and back', async () => {
    await createSeedTables(schema);
    await addSeedTasks(
      schema,
      Object.keys(DATES).map((date) => ({ ...SEED_TASKS[0]!, expired_date: date })),
    );
    await migrate(schema);
    const moments = Object.values(DATES).map((moment) => Date.parse(moment));
    const rows = await rowsOf(schema, 'tbl_redotask');
    expect(rows.map((row) => row['expire_time'])).toEqual(moments);
    expect(Math.abs(Number(rows[0]!['next_exec_time']) - (await nowOf(schema)))).toBeLessThan(60_000);

    for (const moment of moments) await addTask(schema, { redo_task_id: 'ours', expire_time: moment });
    await revert(schema);
    expect(
      await schema.query(
        `SELECT CAST(expired_date AS CHAR) AS date FROM tbl_redotask WHERE redo_task_id = 'ours' ORDER BY id`,
      ),
    ).toEqual(Object.keys(DATES).map((date) => ({ date })));
  });
});
