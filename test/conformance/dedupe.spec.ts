import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { type AddedTask, RedoResult } from 'nestjs-redo';
import type { QueryRunner } from 'typeorm';
import { forEachDatabase, forEachServer } from '../support/databases.js';
import { createRedoDatabase, startApp, type TestApp, type TestAppOptions } from '../support/redo-app.js';
import { type TestDatabase } from '../support/test-database.js';

/** A definition alone: its tasks are added and stay live. */
const definition = {};
const range = (count: number) => Array.from({ length: count }, (_, index) => index);
const expectOneCreated = (added: readonly AddedTask[]) => {
  expect(new Set(added.map(({ id }) => id)).size).toBe(1);
  expect(added.filter(({ created }) => created)).toHaveLength(1);
};

forEachDatabase((database) => {
  let schema: TestDatabase;
  const apps: TestApp[] = [];
  const start = async (settings: TestAppOptions) => {
    const app = await startApp(schema, settings);
    apps.push(app);
    return app;
  };

  beforeAll(async () => {
    schema = await createRedoDatabase(database);
  });
  afterEach(async () => {
    await Promise.all(apps.splice(0).map((app) => app.close()));
    await schema.query('DELETE FROM tbl_redotask');
  });
  afterAll(() => schema.drop());

  describe('dedupeKey: at most one live task per application, type and key', () => {
    test('adding a second returns the first one’s id with created: false', async () => {
      const { redo } = await start({ handlers: { notify: definition } });
      const first = await redo.addRedoTask('notify', { version: 1 }, { dedupeKey: 'order-7' });
      const second = await redo.addRedoTask('notify', { version: 2 }, { dedupeKey: 'order-7' });
      expect(first.created).toBe(true);
      expect(second).toEqual({ id: first.id, created: false });
      expect(await redo.list()).toMatchObject([
        { id: first.id, params: { version: 1 }, dedupeKey: 'order-7' },
      ]);
    });

    test('another key, another type, another application or no key is another task', async () => {
      const { redo } = await start({ handlers: { notify: definition, refund: definition } });
      const other = await start({ handlers: { notify: definition }, applicationName: 'stock-service' });
      const added = [
        await redo.addRedoTask('notify', 1, { dedupeKey: 'a' }),
        await redo.addRedoTask('notify', 1, { dedupeKey: 'b' }),
        await redo.addRedoTask('refund', 1, { dedupeKey: 'a' }),
        await other.redo.addRedoTask('notify', 1, { dedupeKey: 'a' }),
        await redo.addRedoTask('notify', 1),
        await redo.addRedoTask('notify', 1),
      ];
      expect(added.every(({ created }) => created)).toBe(true);
      expect(new Set(added.map(({ id }) => id)).size).toBe(6);
    });

    test('keys that differ in case, in blanks or in the form of a letter are different keys', async () => {
      const { redo } = await start({ handlers: { notify: definition } });
      const composed = 'caf\u00e9';
      const keys = [
        'key',
        'KEY',
        'key ',
        ' key',
        'key  ',
        'kéy',
        composed,
        composed.normalize('NFD'),
        'ss',
        'ß',
        '😀',
      ];
      const ids = new Map<string, number>();
      for (const dedupeKey of keys) {
        const { id, created } = await redo.addRedoTask('notify', dedupeKey, { dedupeKey });
        expect({ dedupeKey, created }).toEqual({ dedupeKey, created: true });
        ids.set(dedupeKey, id);
      }
      for (const dedupeKey of keys) {
        expect(await redo.addRedoTask('notify', 1, { dedupeKey })).toMatchObject({ id: ids.get(dedupeKey) });
        expect((await redo.list({ dedupeKey })).map(({ params }) => params)).toEqual([dedupeKey]);
        expect(await redo.count({ dedupeKey })).toBe(1);
      }
    });

    test('also when 50 are added at the same moment, by two instances', async () => {
      const [one, other] = [
        await start({ handlers: { notify: definition } }),
        await start({ handlers: { notify: definition } }),
      ];
      const added = await Promise.all(
        range(50).map((index) =>
          (index % 2 ? one : other).redo.addRedoTask('notify', index, { dedupeKey: 'order-7' }),
        ),
      );
      expectOneCreated(added);
      expect(await one.redo.count()).toBe(1);
    });

    test('also within the list of one addRedoTasks, which may give each element its own key', async () => {
      const { redo } = await start({ handlers: { notify: definition } });
      const { id } = await redo.addRedoTask('notify', 'before', { dedupeKey: 'b' });
      const added = await redo.addRedoTasks('notify', ['a', 'b', 'a', 'c', 'no key', 'no key', 'c', 'a'], {
        dedupeKey: (params) => (params === 'no key' ? undefined : params),
      });
      expect(added.map(({ created }) => created)).toEqual([
        true,
        false,
        false,
        true,
        true,
        true,
        false,
        false,
      ]);
      expect(added[1]!.id).toBe(id);
      expect([added[2]!.id, added[7]!.id]).toEqual([added[0]!.id, added[0]!.id]);
      expect(added[6]!.id).toBe(added[3]!.id);
      expect(await redo.count()).toBe(5);
      expect((await redo.get(added[3]!.id))?.params).toBe('c');
    });

    test('also among a thousand of which half are there', async () => {
      const { redo } = await start({ handlers: { notify: definition } });
      const dedupeKey = (params: number) => `order-${params}`;
      const before = await redo.addRedoTasks(
        'notify',
        range(500).map((index) => 2 * index),
        { dedupeKey },
      );
      const added = await redo.addRedoTasks('notify', range(1_000), { dedupeKey });
      added.forEach(({ id, created }, index) => {
        expect(created).toBe(index % 2 === 1);
        if (!created) expect(id).toBe(before[index / 2]!.id);
      });
      const byId = new Map((await redo.list({}, { limit: 1_000 })).map((task) => [task.id, task.params]));
      expect(added.map(({ id }) => byId.get(id))).toEqual(range(1_000));
    });

    test('the key is free again once the task has succeeded, also where it is kept', async () => {
      const app = await start({
        handlers: { notify: () => {} },
        options: { retention: { succeeded: 3_600_000 } },
      });
      const first = await app.redo.addRedoTask('notify', 1, { dedupeKey: 'order-7' });
      await app.told('succeeded', first.id);
      const second = await app.redo.addRedoTask('notify', 1, { dedupeKey: 'order-7' });
      expect(second.created).toBe(true);
      await app.told('succeeded', second.id);
      expect((await app.redo.get(first.id))?.status).toBe('SUCCEEDED');

      const other = await start({ handlers: { notify: () => {} }, applicationName: 'deletes-at-once' });
      const third = await other.redo.addRedoTask('notify', 1, { dedupeKey: 'order-7' });
      await other.told('succeeded', third.id);
      expect((await other.redo.addRedoTask('notify', 1, { dedupeKey: 'order-7' })).created).toBe(true);
    });

    test('the key is free again once the task is dead: exhausted, expired or discarded', async () => {
      const app = await start({
        handlers: {
          exhausted: { policy: { maxAttempts: 1 }, handle: () => RedoResult.BIZ_ERROR },
          discarded: () => RedoResult.discard('no use'),
          expired: definition,
          steered: definition,
        },
      });
      for (const type of ['exhausted', 'discarded'] as const) {
        const { id } = await app.redo.addRedoTask(type, 1, { dedupeKey: 'k' });
        await app.told('dead', id);
        expect((await app.redo.addRedoTask(type, 1, { dedupeKey: 'k' })).created).toBe(true);
      }

      const expired = await app.redo.addRedoTask('expired', 1, { dedupeKey: 'k', expiresIn: 1 });
      const later = await start({ handlers: { expired: () => {} } });
      await later.told('dead', expired.id);
      expect((await later.redo.addRedoTask('expired', 1, { dedupeKey: 'k' })).created).toBe(true);

      const steered = await app.redo.addRedoTask('steered', 1, { dedupeKey: 'k' });
      await app.redo.discard(steered.id, 'by hand');
      expect((await app.redo.addRedoTask('steered', 1, { dedupeKey: 'k' })).created).toBe(true);
    });

    test('a live task has its key while it fails, is postponed or is parked', async () => {
      const app = await start({
        handlers: {
          fails: () => RedoResult.BIZ_ERROR,
          waits: () => RedoResult.retryAfter(60_000),
          parked: () => {},
        },
      });
      const fails = await app.redo.addRedoTask('fails', 1, { dedupeKey: 'k' });
      await app.told('failed', fails.id);
      expect(await app.redo.addRedoTask('fails', 1, { dedupeKey: 'k' })).toEqual({
        id: fails.id,
        created: false,
      });

      const waits = await app.redo.addRedoTask('waits', 1, { dedupeKey: 'k' });
      await app.told('postponed', waits.id);
      expect(await app.redo.addRedoTask('waits', 1, { dedupeKey: 'k' })).toEqual({
        id: waits.id,
        created: false,
      });

      const parked = await app.redo.addRedoTask('parked', 1, { dedupeKey: 'k', delay: 3_600_000 });
      await schema.query(`UPDATE tbl_redotask SET req_param = '{', next_exec_time = 0 WHERE id = ?`, [
        parked.id,
      ]);
      await app.redo.redrive();
      expect((await app.redo.get(parked.id))?.status).toBe('PARKED');
      expect(await app.redo.addRedoTask('parked', 1, { dedupeKey: 'k' })).toEqual({
        id: parked.id,
        created: false,
      });
    });

    test('in a transaction that is rolled back leaves the key free', async () => {
      const { redo, dataSource } = await start({ handlers: { notify: definition } });
      const rolledBack = dataSource.transaction(async (manager) => {
        await redo.addRedoTask('notify', 1, { manager, dedupeKey: 'k' });
        throw new Error('no');
      });
      await expect(rolledBack).rejects.toThrow('no');
      expect((await redo.addRedoTask('notify', 2, { dedupeKey: 'k' })).created).toBe(true);
    });

    test('in one transaction: a second is told of the first, which is not committed yet', async () => {
      const { redo, dataSource } = await start({ handlers: { notify: definition } });
      const added = await dataSource.transaction(async (manager) => [
        await redo.addRedoTask('notify', 1, { manager, dedupeKey: 'k' }),
        await redo.addRedoTask('notify', 2, { manager, dedupeKey: 'k' }),
      ]);
      expectOneCreated(added);
      expect((await redo.get(added[0]!.id))?.params).toBe(1);
    });
  });
});

// SQLite has one writer, and refuses a transaction that wants to write upon an older snapshot.
forEachServer((database) => {
  describe('dedupeKey in transactions of the caller', () => {
    let schema: TestDatabase;
    let app: TestApp;
    const inTransaction = async <T>(
      isolation: 'REPEATABLE READ' | 'READ COMMITTED',
      work: (runner: QueryRunner) => Promise<T>,
    ): Promise<T> => {
      const runner = app.dataSource.createQueryRunner();
      try {
        await runner.startTransaction(isolation);
        const result = await work(runner);
        await runner.commitTransaction();
        return result;
      } catch (error) {
        await runner.rollbackTransaction();
        throw error;
      } finally {
        await runner.release();
      }
    };

    beforeAll(async () => {
      schema = await createRedoDatabase(database);
      app = await startApp(schema, { handlers: { notify: definition }, dataSource: { poolSize: 30 } });
    });
    afterEach(() => schema.query('DELETE FROM tbl_redotask'));
    afterAll(async () => {
      await app.close();
      await schema.drop();
    });

    /** No statement of PostgreSQL sees past a snapshot: it undoes such a transaction, which is its owner's to repeat. */
    const triesWithAnOldSnapshot = database.kind === 'postgres' ? 2 : 1;

    test('finds the first one also where the transaction’s snapshot is older than it', async () => {
      let tries = 0;
      let elsewhere: AddedTask | undefined;
      const added = await repeatedWhenUndone(() =>
        inTransaction('REPEATABLE READ', async (manager) => {
          tries += 1;
          const [before] = (await manager.query('SELECT COUNT(*) AS count FROM tbl_redotask')) as Counted[];
          expect(Number(before!.count)).toBe(elsewhere ? 1 : 0);
          elsewhere ??= await app.redo.addRedoTask('notify', 'elsewhere', { dedupeKey: 'k' });
          const here = await app.redo.addRedoTask('notify', 'here', { dedupeKey: 'k', manager });
          const many = await app.redo.addRedoTasks('notify', ['k', 'other'], {
            dedupeKey: (params) => params,
            manager,
          });
          return { here, many };
        }),
      );
      expect(tries).toBe(triesWithAnOldSnapshot);
      expect(elsewhere?.created).toBe(true);
      expect(added.here).toEqual({ id: elsewhere?.id, created: false });
      expect(added.many).toEqual([added.here, { id: expect.any(Number), created: true }]);
      expect(await app.redo.count()).toBe(2);
    });

    test('is created anew where the snapshot still shows one that is gone', async () => {
      let tries = 0;
      const first = await app.redo.addRedoTask('notify', 'first', { dedupeKey: 'k' });
      const second = await repeatedWhenUndone(() =>
        inTransaction('REPEATABLE READ', async (manager) => {
          tries += 1;
          expect(await manager.query('SELECT id FROM tbl_redotask')).toHaveLength(1);
          await app.redo.discard(first.id, 'done by hand');
          return app.redo.addRedoTask('notify', 'second', { dedupeKey: 'k', manager });
        }),
      );
      expect(tries).toBe(triesWithAnOldSnapshot);
      expect(second.created).toBe(true);
      expect((await app.redo.get(second.id))?.params).toBe('second');
    });

    describe.each(['REPEATABLE READ', 'READ COMMITTED'] as const)('at %s', (isolation) => {
      const addAtOnce = (add: (index: number, manager: QueryRunner) => Promise<AddedTask>) =>
        Promise.all(
          range(25).map((index) =>
            repeatedWhenUndone(() =>
              inTransaction(isolation, async (manager) => {
                await manager.query('SELECT COUNT(*) FROM tbl_redotask');
                return add(index, manager);
              }),
            ),
          ),
        );

      test('creates one when 25 transactions add it at the same moment', async () => {
        let tries = 0;
        const dedupeKey = `new ${isolation}`;
        const added = await addAtOnce((index, manager) => {
          tries += 1;
          return app.redo.addRedoTask('notify', index, { dedupeKey, manager });
        });
        expectOneCreated(added);
        expect(await app.redo.count()).toBe(1);
        expect(tries).toBeLessThanOrEqual(isolation === 'REPEATABLE READ' ? 25 * triesWithAnOldSnapshot : 25);
      });

      test('creates one also of a key that has just become free', async () => {
        // InnoDB leaves a mark where the key was: those who wait for each other there may deadlock. The whole
        // transaction is undone then, and is its owner's to repeat, like any that writes.
        for (let round = 0; round < 10; round += 1) {
          const added = await addAtOnce((index, manager) =>
            app.redo.addRedoTask('notify', index, { dedupeKey: 'order-7', manager }),
          );
          expectOneCreated(added);
          expect(await app.redo.discard({ status: 'PENDING' }, 'round is over')).toBe(1);
        }
      });

      test('creates one of each when 25 lists overlap, in whatever order', async () => {
        const lists = await Promise.all(
          range(25).map((index) =>
            repeatedWhenUndone(() =>
              inTransaction(isolation, (manager) => {
                const keys = range(10).map((at) => `${isolation} ${(index + at) % 25}`);
                const list = index % 2 ? keys : keys.reverse();
                return app.redo.addRedoTasks('notify', list, { dedupeKey: (params) => params, manager });
              }),
            ),
          ),
        );
        expect(lists.flat().filter(({ created }) => created)).toHaveLength(25);
        expect(await app.redo.count()).toBe(25);
      });
    });

    test('waits for a transaction that may take the first one back', async () => {
      let second: Promise<AddedTask> | undefined;
      const rolledBack = inTransaction('READ COMMITTED', async (manager) => {
        await app.redo.addRedoTask('notify', 'first', { dedupeKey: 'k', manager });
        second = app.redo.addRedoTask('notify', 'second', { dedupeKey: 'k' });
        await app.redo.count();
        throw new Error('no');
      });
      await expect(rolledBack).rejects.toThrow('no');
      const added = await second;
      expect(added?.created).toBe(true);
      expect((await app.redo.get(added!.id))?.params).toBe('second');
    });
  });
});

interface Counted {
  readonly count: number | string;
}

/** Deadlock (MySQL and MariaDB, PostgreSQL), serialization failure. */
const UNDONE = ['ER_LOCK_DEADLOCK', '40P01', '40001'];

async function repeatedWhenUndone<T>(work: () => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await work();
    } catch (error) {
      if (!UNDONE.includes((error as { code?: string }).code ?? '') || tries === 20) throw error;
    }
  }
}
