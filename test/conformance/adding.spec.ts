import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { type RedoContext } from 'nestjs-redo';
import type { EntityManager } from 'typeorm';
import { forEachDatabase, forEachServer } from '../support/databases.js';
import {
  createRedoDatabase,
  rowOf,
  startApp,
  type TestApp,
  type TestAppOptions,
} from '../support/redo-app.js';
import { refuseWord } from '../support/refused-words.js';
import { StatementLog } from '../support/statement-log.js';
import { type TestDatabase } from '../support/test-database.js';

const INSERT = /^INSERT .*tbl_redotask/s;
/** A definition alone: its tasks are added and stay as they are. */
const definition = {};
const range = (count: number) => Array.from({ length: count }, (_, index) => index);

forEachDatabase((database) => {
  let schema: TestDatabase;
  let app: TestApp;
  const log = new StatementLog();
  const start = async (settings: TestAppOptions) =>
    (app = await startApp(schema, { dataSource: log.options(schema), ...settings }));
  const paramsOf = async (id: number) => (await app.redo.get(id))?.params;

  beforeAll(async () => {
    schema = await createRedoDatabase(database);
    await schema.query('CREATE TABLE orders (id INT PRIMARY KEY)');
  });
  afterEach(async () => {
    await app.close();
    await schema.query('DELETE FROM tbl_redotask');
    await schema.query('DELETE FROM orders');
  });
  afterAll(() => schema.drop());

  /** The database itself refuses rows whose parameters hold this word. */
  const refusePoison = () =>
    refuseWord(schema, { on: 'INSERT', word: 'poison', in: ['req_param'], message: 'poisonous' });

  describe('addRedoTask', () => {
    test('gives the id of the new task, and created: true', async () => {
      await start({ handlers: { notify: definition } });
      const added = await app.redo.addRedoTask('notify', { orderId: 7 });
      expect(added).toEqual({ id: expect.any(Number), created: true });
      expect(await rowOf(schema, added.id)).toMatchObject({
        redo_task_id: 'notify',
        application_name: 'order-service',
        req_param: '{"params":{"orderId":7}}',
        status: 'PENDING',
        exec_times: 0,
      });
    });

    test('in the transaction of an EntityManager: the task exists exactly if that commits', async () => {
      await start({ handlers: { notify: definition } });
      const { id } = await app.dataSource.transaction(async (manager) => {
        await manager.query('INSERT INTO orders VALUES (1)');
        const added = await app.redo.addRedoTask('notify', 1, { manager });
        expect(added.created).toBe(true);
        expect(await schema.query('SELECT id FROM tbl_redotask')).toEqual([]);
        return added;
      });
      expect(await paramsOf(id)).toBe(1);

      const rolledBack = app.dataSource.transaction(async (manager) => {
        await app.redo.addRedoTask('notify', 2, { manager });
        throw new Error('out of stock');
      });
      await expect(rolledBack).rejects.toThrow('out of stock');
      expect((await app.redo.list()).map((task) => task.id)).toEqual([id]);
    });

    test('in the transaction of a QueryRunner: the task exists exactly if that commits', async () => {
      await start({ handlers: { notify: definition } });
      const runner = app.dataSource.createQueryRunner();
      await runner.startTransaction();
      const { id } = await app.redo.addRedoTask('notify', 1, { manager: runner });
      expect(await schema.query('SELECT id FROM tbl_redotask')).toEqual([]);
      await runner.commitTransaction();
      expect(await paramsOf(id)).toBe(1);

      await runner.startTransaction();
      await app.redo.addRedoTask('notify', 2, { manager: runner });
      await runner.rollbackTransaction();
      await runner.release();
      expect((await app.redo.list()).map((task) => task.id)).toEqual([id]);
    });

    test('in a transaction that is rolled back leaves nothing, and nothing runs or is told', async () => {
      let calls = 0;
      await start({ handlers: { notify: () => void (calls += 1) } });
      const rolledBack = app.dataSource.transaction(async (manager) => {
        await app.redo.addRedoTask('notify', 1, { manager });
        await app.redo.addRedoTasks('notify', [2, 3], { manager });
        throw new Error('no');
      });
      await expect(rolledBack).rejects.toThrow('no');
      expect(await app.redo.redrive()).toMatchObject({ claimed: 0 });
      expect(await app.redo.count()).toBe(0);
      expect(calls).toBe(0);
      expect(app.all('added')).toEqual([]);
    });

    test('in a nested transaction goes with that, and with the one around it', async () => {
      await start({ handlers: { notify: definition } });
      const add = (params: string, manager: EntityManager) =>
        app.redo.addRedoTask('notify', params, { manager });
      const rollBack = () => Promise.reject(new Error('rolled back'));

      await app.dataSource.transaction(async (outer) => {
        await add('outer', outer);
        await outer.transaction((inner) => add('inner', inner));
        await outer
          .transaction(async (inner) => {
            await add('inner, rolled back', inner);
            await rollBack();
          })
          .catch(() => {});
        await add('outer again', outer);
      });
      const left = (await app.redo.list()).reverse();
      expect(left.map(({ params }) => params)).toEqual(['outer', 'inner', 'outer again']);
      expect(app.all('added').map(({ id }) => id)).toEqual(left.map(({ id }) => id));

      const all = app.dataSource.transaction(async (outer) => {
        await outer.transaction((inner) => add('inner, of a rolled back outer', inner));
        await rollBack();
      });
      await expect(all).rejects.toThrow('rolled back');
      expect(await app.redo.count()).toBe(3);
      expect(app.all('added')).toHaveLength(3);
    });

    test('1,000 times in transactions of which 10 are rolled back leaves exactly 990, each run once', async () => {
      const ran: number[] = [];
      await start({ handlers: { notify: (params: number) => void ran.push(params) } });
      const isBad = (index: number) => index % 100 === 50;
      const place = (index: number) =>
        app.dataSource.transaction(async (manager) => {
          await manager.query(`INSERT INTO orders VALUES (${index})`);
          await app.redo.addRedoTask('notify', index, { manager });
          if (isBad(index)) throw new Error('out of stock');
        });
      // TypeORM has one connection to a SQLite file: concurrent transactions would become savepoints of each other,
      // and one's rollback would undo others that were reported committed. One after another there.
      const outcomes =
        schema.kind === 'sqlite'
          ? await inTurn(range(1_000), place)
          : await Promise.allSettled(range(1_000).map(place));

      expect(outcomes.filter(({ status }) => status === 'rejected')).toHaveLength(10);
      expect(app.all('added')).toHaveLength(990);
      await app.redo.redrive();
      const good = range(1_000).filter((index) => !isBad(index));
      expect(ran.sort((one, other) => one - other)).toEqual(good);
      expect(await schema.query('SELECT COUNT(*) AS count FROM orders')).toEqual([{ count: 990 }]);
      expect(await app.redo.count()).toBe(0);
    });
  });

  describe('without manager', () => {
    test('calls made at the same time share multi-row INSERTs, and each gets the id of its own row', async () => {
      await start({ handlers: { notify: definition, refund: definition } });
      log.clear();
      const added = await Promise.all(
        range(300).map((index) => app.redo.addRedoTask(index % 3 ? 'notify' : 'refund', { index })),
      );
      expect(log.count(INSERT)).toBeLessThanOrEqual(3);
      const byId = new Map((await app.redo.list({}, { limit: 1_000 })).map((task) => [task.id, task]));
      expect(byId.size).toBe(300);
      added.forEach(({ id, created }, index) => {
        expect(created).toBe(true);
        expect(byId.get(id)).toMatchObject({
          redoTaskId: index % 3 ? 'notify' : 'refund',
          params: { index },
        });
      });
    });

    test('each promise settles when its own row is committed', async () => {
      await start({ handlers: { notify: definition } });
      const found = await Promise.all(
        range(50).map(async (index) => {
          const { id } = await app.redo.addRedoTask('notify', { index });
          return (await rowOf(schema, id))?.['req_param'];
        }),
      );
      expect(found).toEqual(range(50).map((index) => `{"params":{"index":${index}}}`));
    });

    test('one call with bad input fails alone', async () => {
      await start({ handlers: { notify: definition }, options: { maxPayloadBytes: 100 } });
      const good = (index: number) => app.redo.addRedoTask('notify', index);
      const outcomes = await Promise.allSettled([
        ...range(20).map(good),
        app.redo.addRedoTask('notify', 'x'.repeat(100)),
        app.redo.addRedoTask('notfy', 1),
        app.redo.addRedoTask('notify', () => {}),
        app.redo.addRedoTask('notify', 1, { delay: -1 }),
        app.redo.addRedoTask('notify', 1, { expiredDate: new Date(0) }),
        ...range(20).map(good),
      ]);
      expect(outcomes.map(({ status }) => status)).toEqual([
        ...range(20).map(() => 'fulfilled'),
        ...range(5).map(() => 'rejected'),
        ...range(20).map(() => 'fulfilled'),
      ]);
      expect(await app.redo.count()).toBe(40);
    });

    test('one call that the database refuses fails alone', async () => {
      await start({ handlers: { notify: definition } });
      const allowPoison = await refusePoison();
      try {
        const outcomes = await Promise.allSettled(
          range(40).map((index) => app.redo.addRedoTask('notify', index === 17 ? 'poison' : index)),
        );
        expect(outcomes.flatMap(({ status }, index) => (status === 'rejected' ? [index] : []))).toEqual([17]);
        expect(outcomes[17]).toMatchObject({ reason: { message: expect.stringContaining('poisonous') } });
        expect(await app.redo.count()).toBe(39);
        for (const [index, outcome] of outcomes.entries())
          if (outcome.status === 'fulfilled') expect(await paramsOf(outcome.value.id)).toBe(index);
      } finally {
        await allowPoison();
      }
    });

    test('1,000 calls at once of which 10 are bad leave exactly 990, each run once', async () => {
      const ran: number[] = [];
      await start({ handlers: { notify: (params: number) => void ran.push(params) } });
      const isBad = (index: number) => index % 100 === 50;
      const outcomes = await Promise.allSettled(
        range(1_000).map((index) => app.redo.addRedoTask('notify', isBad(index) ? NaN : index)),
      );
      expect(outcomes.filter(({ status }) => status === 'rejected')).toHaveLength(10);
      await app.redo.redrive();
      expect(ran.sort((one, other) => one - other)).toEqual(range(1_000).filter((index) => !isBad(index)));
      expect(await app.redo.count()).toBe(0);
    });
  });

  describe('addRedoTasks', () => {
    test('adds many rows by few statements, the ids in the order of the parameters', async () => {
      await start({ handlers: { notify: definition } });
      log.clear();
      const added = await app.redo.addRedoTasks(
        'notify',
        range(2_500).map((index) => ({ index })),
      );
      expect(log.count(INSERT)).toBeLessThanOrEqual(3);
      expect(added).toHaveLength(2_500);
      const rows = await schema.query<{ id: number; req_param: string }>(
        'SELECT id, req_param FROM tbl_redotask ORDER BY id',
      );
      const byId = new Map(rows.map(({ id, req_param }) => [id, req_param]));
      added.forEach(({ id, created }, index) => {
        expect(created).toBe(true);
        expect(byId.get(id)).toBe(`{"params":{"index":${index}}}`);
      });
    });

    test('of nothing adds nothing', async () => {
      await start({ handlers: { notify: definition } });
      expect(await app.redo.addRedoTasks('notify', [])).toEqual([]);
      expect(await app.redo.count()).toBe(0);
    });

    test('goes with the caller’s transaction', async () => {
      await start({ handlers: { notify: definition } });
      const kept = await app.dataSource.transaction((manager) =>
        app.redo.addRedoTasks('notify', ['a', 'b', 'c'], { manager }),
      );
      const rolledBack = app.dataSource.transaction(async (manager) => {
        await app.redo.addRedoTasks('notify', range(100), { manager });
        throw new Error('no');
      });
      await expect(rolledBack).rejects.toThrow('no');
      expect((await app.redo.list()).map(({ id }) => id).reverse()).toEqual(kept.map(({ id }) => id));
      expect(await Promise.all(kept.map(({ id }) => paramsOf(id)))).toEqual(['a', 'b', 'c']);
    });

    test('with one bad element among a thousand adds nothing and names the index', async () => {
      await start({ handlers: { notify: definition } });
      const list: unknown[] = range(1_000);
      list[617] = { total: 12n };
      await expect(app.redo.addRedoTasks('notify', list)).rejects.toThrow(
        'nothing was added, paramsList[617] is refused: params.total is a BigInt',
      );
      list[617] = 'x'.repeat(300_000);
      await expect(app.redo.addRedoTasks('notify', list)).rejects.toThrow(
        'nothing was added, paramsList[617] is refused: the parameters are 300002 bytes of JSON; allowed: at most 262144',
      );
      expect(await app.redo.count()).toBe(0);
    });

    test('with a hole in the list adds nothing and names the index', async () => {
      await start({ handlers: { notify: definition } });
      const list: unknown[] = range(4);
      list[5] = 5;
      await expect(app.redo.addRedoTasks('notify', list)).rejects.toThrow('paramsList[4] is refused');
      expect(await app.redo.count()).toBe(0);
    });

    test('of which the database refuses one row adds none, also where it takes several statements', async () => {
      await start({ handlers: { notify: definition } });
      const allowPoison = await refusePoison();
      try {
        // About a megabyte goes into one statement.
        const list = [...range(20).map(() => 'x'.repeat(200_000)), 'poison'];
        // Not `toThrow`: better-sqlite3's errors are of another realm than jest's.
        await expect(app.redo.addRedoTasks('notify', list)).rejects.toMatchObject({
          message: expect.stringContaining('poisonous'),
        });
        expect(await app.redo.count()).toBe(0);
      } finally {
        await allowPoison();
      }
      const added = await app.redo.addRedoTasks('notify', ['x'.repeat(200_000), 'poison']);
      expect(await paramsOf(added[1]!.id)).toBe('poison');
    });
  });

  describe('a committed task of this process', () => {
    // The schedule ticks once an hour here: who finds a task did not wait for it.

    test('is picked up at once', async () => {
      await start({ handlers: { notify: () => {} } });
      const { id } = await app.redo.addRedoTask('notify', 1);
      await app.told('succeeded', id);
      const [first, second] = await app.redo.addRedoTasks('notify', [1, 2]);
      await app.told('succeeded', first!.id);
      await app.told('succeeded', second!.id);
    });

    test('that was added with `manager` is picked up at once after the COMMIT', async () => {
      const seen: unknown[] = [];
      const handle = async (orderId: number) =>
        void seen.push(...(await schema.query('SELECT id FROM orders WHERE id = ?', [orderId])));
      await start({ handlers: { notify: handle } });
      const { id } = await app.dataSource.transaction(async (manager) => {
        const added = await app.redo.addRedoTask('notify', 5, { manager });
        await manager.query('INSERT INTO orders VALUES (5)');
        expect(app.all('started')).toEqual([]);
        return added;
      });
      await app.told('succeeded', id);
      expect(seen).toEqual([{ id: 5 }]);

      const runner = app.dataSource.createQueryRunner();
      await runner.startTransaction();
      const other = await app.redo.addRedoTask('notify', 6, { manager: runner });
      await runner.commitTransaction();
      await runner.release();
      await app.told('succeeded', other.id);
    });

    test('that is added with a delay is picked up when it is due', async () => {
      await start({ handlers: { notify: () => {} } });
      const { id } = await app.redo.addRedoTask('notify', 1, { delay: 50 });
      await app.told('succeeded', id);
      const { id: at } = await app.redo.addRedoTask('notify', 1, { runAt: new Date(Date.now() + 50) });
      await app.told('succeeded', at);
    });

    test('can be added by a handler, also in a transaction of its own', async () => {
      const handlers = {
        first: async (params: string, { id }: RedoContext) => {
          await app.dataSource.transaction((manager) =>
            app.redo.addRedoTask('second', { params, after: id }, { manager }),
          );
        },
        second: (params: unknown) => void seen.push(params),
      };
      const seen: unknown[] = [];
      await start({ handlers });
      const { id } = await app.redo.addRedoTask('first', 'hello');
      await app.told('succeeded', id);
      await app.redo.redrive();
      expect(seen).toEqual([{ params: 'hello', after: id }]);
    });
  });
});

forEachServer((database) => {
  test('ids are right where the server counts by more than one', async () => {
    const schema = await createRedoDatabase(database);
    // One connection, so that the session's setting holds for every statement.
    const app = await startApp(schema, {
      handlers: { notify: definition },
      options: { worker: false },
      dataSource: { poolSize: 1 },
    });
    try {
      await app.dataSource.query(
        database.kind === 'postgres'
          ? 'ALTER TABLE tbl_redotask ALTER COLUMN id SET INCREMENT BY 7 RESTART WITH 3'
          : 'SET SESSION auto_increment_increment = 7, SESSION auto_increment_offset = 3',
      );
      const added = [
        ...(await app.redo.addRedoTasks('notify', range(20))),
        ...(await Promise.all(range(20).map((index) => app.redo.addRedoTask('notify', 20 + index)))),
        ...(await app.redo.addRedoTasks('notify', [40, 41, 42, 43], { dedupeKey: (params) => `${params}` })),
        ...(await app.redo.addRedoTasks('notify', [43, 44, 40, 45], { dedupeKey: (params) => `${params}` })),
        ...(await app.dataSource.transaction((manager) =>
          app.redo.addRedoTasks('notify', [46, 47], { manager }),
        )),
      ];
      const rows = await schema.query<{ id: number; req_param: string }>(
        'SELECT id, req_param FROM tbl_redotask',
      );
      const byId = new Map(rows.map(({ id, req_param }) => [id, req_param]));
      const expected = [...range(44), 43, 44, 40, 45, 46, 47];
      expect(added.map(({ id }) => byId.get(id))).toEqual(expected.map((params) => `{"params":${params}}`));
      expect(added.filter(({ created }) => !created)).toHaveLength(2);
      expect(rows).toHaveLength(48);
      expect(new Set(rows.map(({ id }) => id % 7))).toEqual(new Set([3]));
    } finally {
      await app.close();
      await schema.drop();
    }
  });
});

async function inTurn<T>(
  items: readonly T[],
  work: (item: T) => Promise<unknown>,
): Promise<PromiseSettledResult<unknown>[]> {
  const outcomes: PromiseSettledResult<unknown>[] = [];
  for (const item of items) outcomes.push(...(await Promise.allSettled([work(item)])));
  return outcomes;
}
