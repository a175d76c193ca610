import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { CLOCK } from '../support/database-clock.js';
import { forEachDatabase } from '../support/databases.js';
import { createRedoDatabase, startApp, type TestApp } from '../support/redo-app.js';
import { type TestDatabase } from '../support/test-database.js';

const TEN_YEARS = 315_576_000_000;
const HOUR = 3_600_000;
/** Odd to the millisecond; summer and winter, and the hour that many zones repeat in autumn. */
const INSTANTS = [
  '2031-07-15T11:22:33.457Z',
  '2031-12-24T23:59:59.999Z',
  '2031-10-26T00:30:00.001Z',
  '2031-10-26T01:30:00.001Z',
  '2035-01-01T00:00:00.000Z',
].map((text) => new Date(text));

forEachDatabase((database) => {
  let schema: TestDatabase;
  let app: TestApp;
  /** A definition alone: its tasks stay as they were added. */
  const added = async (options: Parameters<TestApp['redo']['addRedoTask']>[2]) => {
    const { id } = await app.redo.addRedoTask('notify', 1, options);
    const task = await app.redo.get(id);
    if (!task) throw new Error('not there');
    const since = (date: Date | null) => date && date.getTime() - task.createTime.getTime();
    return { ...task, dueIn: since(task.nextExecTime), expiresIn: since(task.expiredDate) };
  };

  beforeAll(async () => {
    schema = await createRedoDatabase(database);
    app = await startApp(schema, {
      handlers: {
        notify: {},
        limited: { policy: { maxAttempts: 3, expiresIn: 12_345 } },
        forever: { policy: { tryForever: true, expiredDate: INSTANTS[0] } },
      },
    });
  });
  afterEach(() => schema.query('DELETE FROM tbl_redotask'));
  afterAll(async () => {
    await app.close();
    await schema.drop();
  });

  describe('times read back are exact to the millisecond', () => {
    test.each([0, 1, 999, 1_000, 12_345, 86_399_999, TEN_YEARS])('delay: %i', async (delay) => {
      expect(await added({ delay })).toMatchObject({ dueIn: delay });
    });

    test.each([1, 999, 12_345, TEN_YEARS])('expiresIn: %i', async (expiresIn) => {
      expect(await added({ expiresIn })).toMatchObject({ expiresIn, dueIn: 0 });
    });

    test.each(INSTANTS)('runAt: %s', async (runAt) => {
      expect((await added({ runAt })).nextExecTime).toEqual(runAt);
    });

    test.each(INSTANTS)('expiredDate: %s', async (expiredDate) => {
      expect((await added({ expiredDate })).expiredDate).toEqual(expiredDate);
    });

    test('createTime is the database’s now', async () => {
      const [before] = await app.dataSource.query<{ now: number | string }[]>(
        `SELECT ${CLOCK[schema.kind]} AS now`,
      );
      const { createTime } = await added({});
      const age = createTime.getTime() - Number(before!.now);
      expect(age).toBeGreaterThanOrEqual(-1);
      expect(age).toBeLessThan(20_000);
    });

    test('in a list, and for addRedoTasks, which gives all the same moment', async () => {
      const runAt = INSTANTS[0]!;
      await app.redo.addRedoTasks('notify', [1, 2, 3], { runAt, expiredDate: INSTANTS[1] });
      const tasks = await app.redo.list();
      expect(tasks).toHaveLength(3);
      expect(new Set(tasks.map(({ createTime }) => createTime.getTime())).size).toBe(1);
      for (const task of tasks) expect(task).toMatchObject({ nextExecTime: runAt, expiredDate: INSTANTS[1] });
    });
  });

  describe('when a task is due', () => {
    test('a runAt in the past means at once', async () => {
      expect(await added({ runAt: new Date(0) })).toMatchObject({ dueIn: 0 });
    });

    test('one that expires before it is due is looked at when it expires', async () => {
      expect(await added({ delay: HOUR, expiresIn: 60_000 })).toMatchObject({
        dueIn: 60_000,
        expiresIn: 60_000,
      });
    });
  });

  describe('limits', () => {
    test('of the type are stored with the task', async () => {
      const [limited, forever] = [
        await app.redo.addRedoTask('limited', 1),
        await app.redo.addRedoTask('forever', 1),
      ];
      const task = await app.redo.get(limited.id);
      expect(task).toMatchObject({ maxAttempts: 3 });
      expect(task!.expiredDate!.getTime() - task!.createTime.getTime()).toBe(12_345);
      expect(await app.redo.get(forever.id)).toMatchObject({ maxAttempts: null, expiredDate: INSTANTS[0] });
    });

    test('are 10 attempts and no expiry where nothing is said', async () => {
      expect(await added({})).toMatchObject({ maxAttempts: 10, expiredDate: null });
    });

    test.each([
      ['limited', { maxAttempts: 7 }, { maxAttempts: 7 }],
      ['limited', { tryForever: true }, { maxAttempts: null }],
      ['limited', { maxAttempts: 7, tryForever: true }, { maxAttempts: null }],
      ['limited', { expiredDate: INSTANTS[1] }, { maxAttempts: 3, expiredDate: INSTANTS[1] }],
      ['forever', { maxAttempts: 7 }, { maxAttempts: 7, expiredDate: INSTANTS[0] }],
      ['forever', { tryForever: false }, { maxAttempts: 10 }],
    ])('of the task win over those of its type: %s, added with %j', async (type, options, expected) => {
      const { id } = await app.redo.addRedoTask(type, 1, options);
      expect(await app.redo.get(id)).toMatchObject(expected);
    });

    test('expiresIn of the task wins over the type’s expiredDate', async () => {
      const { id } = await app.redo.addRedoTask('forever', 1, { expiresIn: 60_000 });
      const task = await app.redo.get(id);
      expect(task!.expiredDate!.getTime() - task!.createTime.getTime()).toBe(60_000);
    });
  });
});
