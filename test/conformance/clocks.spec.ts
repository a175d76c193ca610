import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { mysqlDialect } from '../../lib/store/mysql.dialect.js';
import { postgresDialect } from '../../lib/store/postgres.dialect.js';
import { nowOf } from '../support/database-clock.js';
import { createDatabase, forEachDatabase, forEachServer } from '../support/databases.js';
import { type FakeClock, fakeClock } from '../support/faketime.js';
import { createRedoDatabase, migrate, passTime, rowOf, startApp, type TestApp } from '../support/redo-app.js';
import { createRunLedger, runsOf } from '../support/run-ledger.js';
import { openConnection, type ServerConnection } from '../support/server-connection.js';
import { startServer } from '../support/servers.js';
import { type NodeProcess } from '../support/spawn-node.js';
import { type TestDatabase } from '../support/test-database.js';
import { currentTestRun } from '../support/test-run.js';
import { waitFor } from '../support/wait-for.js';
import { ask, killWorkers, type Order, startWorker, toldBy } from '../support/worker-process.js';

const HOUR = 3_600_000;

forEachDatabase((database) => {
  // SQLite has no clock but its process's, and all its processes are on one host.
  const wrong = database.kind !== 'sqlite';
  const title = wrong
    ? 'a host in New York an hour ahead and one in Kolkata an hour behind'
    : 'processes in the time zones of New York and Kolkata';

  describe(title, () => {
    let schema: TestDatabase;
    let looker: TestApp;
    const clocks: FakeClock[] = [];
    const options = { lease: 1_000, concurrency: 1, retention: { succeeded: 24 * HOUR } };

    const hosts = async (): Promise<[NodeProcess, NodeProcess]> => {
      const host = async (zone: string, offset: number) => {
        const clock = wrong ? await fakeClock(offset) : undefined;
        if (clock) clocks.push(clock);
        return startWorker(schema, { options, env: { TZ: zone, ...clock?.env } });
      };
      return Promise.all([host('America/New_York', HOUR), host('Asia/Kolkata', -HOUR)]);
    };
    const now = () => nowOf(schema);
    const add = async (host: NodeProcess, params: Order, given: object = {}) => {
      const answer = await ask(host, `add ${JSON.stringify({ type: 'job', params, options: given })}`);
      expect(answer).toMatchObject({ created: true });
      return answer['id'] as number;
    };
    const statusOf = async (id: number) => (await rowOf(schema, id))?.['status'];
    const ended = (...ids: number[]) =>
      waitFor(async () => (await Promise.all(ids.map(statusOf))).every((status) => status === 'SUCCEEDED'), {
        what: `the tasks ${ids.join(', ')}`,
      });
    /** Both have looked for work, and had some. */
    const bothAtWork = async ([one, other]: [NodeProcess, NodeProcess]) => {
      await schema.query('DELETE FROM tbl_test_runs');
      const order: Order = { deed: 'meet', processes: 2 };
      await ended(
        await add(one, order),
        await add(other, order),
        await add(one, order),
        await add(other, order),
      );
    };

    beforeAll(async () => {
      schema = await createRedoDatabase(database);
      await createRunLedger(schema);
      looker = await startApp(schema, { options: { worker: false } });
    });
    afterEach(async () => {
      await killWorkers();
      clocks.length = 0;
      for (const table of ['tbl_redotask', 'tbl_redo_worker', 'tbl_test_runs'])
        await schema.query(`DELETE FROM ${table}`);
    });
    afterAll(async () => {
      await looker.close();
      await schema.drop();
    });

    test('agree on what is due and when it expires, to the millisecond', async () => {
      const both = await hosts();
      const [ahead, behind] = both;
      const runAt = new Date((await now()) + 2 * HOUR + 123);
      const expiredDate = new Date((await now()) + 3 * HOUR + 456);
      const tasks: number[] = [];
      for (const host of both) {
        const before = await now();
        const delayed = await add(host, {}, { delay: HOUR, expiresIn: 2 * HOUR });
        const after = await now();
        const row = (await rowOf(schema, delayed))!;
        const addTime = Number(row['add_time']);
        expect(addTime).toBeGreaterThanOrEqual(before);
        expect(addTime).toBeLessThanOrEqual(after);
        expect(Number(row['next_exec_time']) - addTime).toBe(HOUR);
        expect(Number(row['expire_time']) - addTime).toBe(2 * HOUR);
        const dated = await add(host, {}, { runAt, expiredDate });
        expect(await rowOf(schema, dated)).toMatchObject({
          next_exec_time: runAt.getTime(),
          expire_time: expiredDate.getTime(),
        });
        tasks.push(delayed, dated);
        for (const reader of both) {
          expect(await ask(reader, `get ${delayed}`)).toMatchObject({
            createTime: new Date(addTime).toISOString(),
            nextExecTime: new Date(addTime + HOUR).toISOString(),
            expiredDate: new Date(addTime + 2 * HOUR).toISOString(),
          });
          expect(await ask(reader, `get ${dated}`)).toMatchObject({
            nextExecTime: runAt.toISOString(),
            expiredDate: expiredDate.toISOString(),
          });
        }
      }
      await bothAtWork([ahead, behind]);
      for (const id of tasks) expect(await runsOf(schema, id)).toEqual([]);
      await passTime(schema, HOUR + 1);
      await ended(tasks[0]!, tasks[2]!);
      await bothAtWork([ahead, behind]);
      for (const id of [tasks[1]!, tasks[3]!]) expect(await runsOf(schema, id)).toEqual([]);
    });

    test('agree on what has expired: neither begins it, neither ends one that still has half an hour', async () => {
      const both = await hosts();
      const [one, other] = both;
      const order: Order = { deed: 'meet', processes: 2 };
      await ended(
        await add(one, order, { expiresIn: HOUR / 2 }),
        await add(other, order, { expiresIn: HOUR / 2 }),
        await add(one, order, { expiredDate: new Date((await now()) + HOUR / 2) }),
        await add(other, order, { expiredDate: new Date((await now()) + HOUR / 2) }),
      );
      const past = new Date((await now()) - HOUR / 2);
      for (const host of both) {
        const refused = { type: 'job', params: {}, options: { expiredDate: past } };
        expect(await ask(host, `add ${JSON.stringify(refused)}`)).toMatchObject({
          refused: expect.stringContaining('in the past') as unknown,
        });
      }
      const late = [
        await add(one, {}, { delay: HOUR, expiresIn: HOUR }),
        await add(other, {}, { delay: HOUR, expiresIn: HOUR }),
      ];
      await passTime(schema, HOUR);
      for (const id of late) {
        await waitFor(async () => (await statusOf(id)) === 'DEAD', { what: 'its end' });
        expect(await rowOf(schema, id)).toMatchObject({ dead_reason: 'EXPIRED', exec_times: 0 });
        expect(await runsOf(schema, id)).toEqual([]);
      }
    });

    test('agree on who lives: neither takes the other’s tasks over, also when a clock jumps', async () => {
      const [one, other] = await hosts();
      const order: Order = { deed: 'meet', processes: 2, ms: 2_500 };
      const ids = [await add(one, order), await add(other, order)];
      await waitFor(async () => new Set((await runsOf(schema)).map(({ pid }) => pid)).size === 2, {
        what: 'both to run one',
      });
      for (const clock of clocks) clock.set(2 * HOUR);
      await ended(...ids);
      expect(await runsOf(schema)).toHaveLength(2);
      for (const host of [one, other])
        expect([...toldBy(host, 'leaseLost'), ...toldBy(host, 'workerLapsed')]).toEqual([]);
      const workers = await looker.redo.workers();
      expect(workers.map(({ alive }) => alive)).toEqual([true, true]);
      for (const { leaseUntil } of workers)
        expect(Math.abs(leaseUntil.getTime() - (await now()))).toBeLessThan(30_000);
    });
  });
});

forEachServer((database) => {
  test('the database’s clock is read the same whatever the zone of the session', async () => {
    const schema = await database.create();
    const connection = await openConnection(schema.url);
    for (const zone of ['+00:00', '+05:30', '-12:00', 'Europe/Berlin'])
      for (const moment of MOMENTS) {
        const [row] = await read[database.kind === 'postgres' ? 'postgres' : 'mysql'](
          connection,
          zone,
          moment,
        );
        expect(row!.now).toBe(moment);
      }
    connection.close();
    await schema.drop();
  });
});

/** What the library takes the time to be, in a session of this zone at this moment. */
const read = {
  mysql: async (connection: ServerConnection, zone: string, moment: number) => {
    // A server that knows no zones by name has its own.
    await connection.query('SET time_zone = ?', [zone.includes('/') ? 'SYSTEM' : zone]);
    await connection.query('SET timestamp = ?', [moment / 1000]);
    return connection.query<{ now: number }>(`SELECT ${mysqlDialect.now.text} AS now`);
  },
  postgres: async (connection: ServerConnection, zone: string, moment: number) => {
    await connection.query(`SET TIME ZONE '${zone}'`);
    // The statement's time is what it is: another instant in its place.
    const instant = `CAST('${new Date(moment).toISOString()}' AS TIMESTAMPTZ)`;
    const now = postgresDialect.now.text.replace('statement_timestamp()', instant);
    expect(now).toContain(instant);
    return connection.query<{ now: number }>(`SELECT ${now} AS now`);
  },
};

/** Both passes of the hour that Berlin repeats in autumn, and around the one it leaves out in spring. */
const MOMENTS = [
  '2026-10-25T00:30:00.125Z',
  '2026-10-25T01:30:00.125Z',
  '2026-03-29T00:59:59.999Z',
  '2026-03-29T01:00:00.000Z',
  '2026-07-01T12:00:00.001Z',
].map((text) => Date.parse(text));

/** It needs a MariaDB of its own: the zone and the clock of a server that was given by URL are what they are. */
const possible =
  !process.env['MARIADB_URL'] && currentTestRun().databases.some(({ kind }) => kind === 'mariadb');

(possible ? describe : describe.skip)('a MariaDB in Berlin', () => {
  test('tells both passes of the hour that is repeated in autumn apart: a delay of an hour is an hour', async () => {
    const moment = Date.parse('2026-10-25T00:30:00Z');
    const clock = await fakeClock(moment - Date.now());
    const server = await startServer('mariadb', { env: { TZ: 'Europe/Berlin', ...clock.env } });
    const schema = await createDatabase('mariadb', server.url);
    await migrate(schema);
    const app = await startApp(schema, { handlers: { job: () => {} }, options: { lease: 4 * HOUR } });
    const { id } = await app.redo.addRedoTask('job', {}, { delay: HOUR, expiresIn: 2 * HOUR });
    const row = (await rowOf(schema, id))!;
    expect(Number(row['next_exec_time']) - Number(row['add_time'])).toBe(HOUR);
    expect(Number(row['add_time']) - moment).toBeLessThan(HOUR / 4);
    expect(Number(row['add_time'])).toBeGreaterThanOrEqual(moment);
    await app.redo.redrive();
    expect(app.all('started')).toEqual([]);
    // The same wall-clock time again.
    clock.set(moment + HOUR - Date.now());
    await waitFor(async () => (await app.redo.stats()).types[0]?.due === 1, { what: 'it to be due' });
    await app.redo.redrive();
    expect(app.all('succeeded')).toMatchObject([{ id }]);
    await app.close();
    await server.stop();
  }, 120_000);
});
