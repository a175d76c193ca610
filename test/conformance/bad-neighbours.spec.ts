import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { type RedoEventMap } from 'nestjs-redo';
import { forEachDatabase } from '../support/databases.js';
import { createRedoDatabase, gate, startApp, type TestApp } from '../support/redo-app.js';
import { type TestDatabase } from '../support/test-database.js';

type TaskEvent = RedoEventMap['started'];

const TASKS = 10_000;
const CONCURRENCY = 10;
const BATCH = 100;
const range = (count: number) => Array.from({ length: count }, (_, index) => index);

forEachDatabase((database) => {
  let schema: TestDatabase;
  let app: TestApp;

  beforeAll(async () => {
    schema = await createRedoDatabase(database);
  });
  afterEach(async () => {
    await app.close();
    await schema.query('DELETE FROM tbl_redotask');
  });
  afterAll(() => schema.drop());

  /** 10,000 due tasks whose handler throws, the first of them running and stopped there until `open()`. */
  const startBeside = async (delay: number) => {
    const { passed, open } = gate();
    app = await startApp(schema, {
      handlers: {
        broken: {
          policy: { tryForever: true, backoff: { type: 'fixed', delay } },
          handle: async () => {
            await passed;
            throw new Error('always');
          },
        },
        mail: () => {},
      },
      options: { concurrency: CONCURRENCY, batchSize: BATCH },
    });
    await app.dataSource.transaction((manager) => app.redo.addRedoTasks('broken', range(TASKS), { manager }));
    await app.told('started');
    return open;
  };
  /** How many attempts of the throwing type began between the adding of the first and the begin of the last of these. */
  const attemptsBefore = (ids: readonly number[]): number => {
    const told = app.happenings.map(({ name, event }) => ({ name, event: event as TaskEvent }));
    const from = told.findIndex(({ name, event }) => name === 'added' && ids.includes(event.id));
    const to = told.findLastIndex(({ name, event }) => name === 'started' && ids.includes(event.id));
    return told
      .slice(from, to)
      .filter(({ name, event }) => name === 'started' && event.redoTaskId === 'broken').length;
  };

  describe(`${TASKS} tasks of a type whose handler always throws`, () => {
    test.each([
      ['and that come back at once', 0],
      ['and that come back later', 3_600_000],
    ])('%s don’t delay another type: it gets every second place', async (_, delay) => {
      const open = await startBeside(delay);
      const mails = await app.dataSource.transaction((manager) =>
        app.redo.addRedoTasks('mail', range(200), { manager }),
      );
      open();
      for (const { id } of mails) await app.told('succeeded', id);
      // What was held when the mails came and what a claim under way takes, and then one for each mail.
      expect(attemptsBefore(mails.map(({ id }) => id))).toBeLessThanOrEqual(2 * BATCH + mails.length);
      expect(await app.redo.count({ redoTaskId: 'broken', status: 'PENDING' })).toBe(TASKS);
    });

    test('each single task of another type waits for no more of them than are held and being claimed', async () => {
      const open = await startBeside(0);
      open();
      for (const n of range(10)) {
        const { id } = await app.redo.addRedoTask('mail', n);
        await app.told('succeeded', id);
        expect(attemptsBefore([id])).toBeLessThanOrEqual(2 * BATCH);
      }
    });
  });
});
