import { inspect, types } from 'node:util';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { RedoResult } from 'nestjs-redo';
import { forEachDatabase } from '../support/databases.js';
import {
  createRedoDatabase,
  gate,
  rowOf,
  startApp,
  type TestApp,
  type TestAppOptions,
} from '../support/redo-app.js';
import { refuseWord } from '../support/refused-words.js';
import { type TestDatabase } from '../support/test-database.js';
import { waitFor } from '../support/wait-for.js';

const HOUR = 3_600_000;
const explode = (): never => {
  throw new Error('looked at');
};
const errorWith = (property: string, descriptor: PropertyDescriptor): Error =>
  Object.defineProperty(new Error('partner is down'), property, { configurable: true, ...descriptor });

/** Name → what is thrown, and what is kept of it. */
const THROWN: Readonly<Record<string, readonly [thrown: unknown, message: unknown]>> = {
  'an error': [new Error('partner is down'), 'partner is down'],
  'an error whose message is an object': [errorWith('message', { value: { code: 1 } }), '{ code: 1 }'],
  'an error whose message is a symbol': [errorWith('message', { value: Symbol('no') }), expect.any(String)],
  'an error whose message is missing': [errorWith('message', { value: undefined }), 'undefined'],
  'an error whose message can’t be read': [errorWith('message', { get: explode }), expect.any(String)],
  'an error whose stack is no string': [errorWith('stack', { value: ['line'] }), 'partner is down'],
  'an error whose stack can’t be read': [errorWith('stack', { get: explode }), expect.any(String)],
  'an error that causes itself': [causingItself(), 'partner is down'],
  'an error whose cause can’t be read': [errorWith('cause', { get: explode }), expect.any(String)],
  'an error whose cause says nothing': [
    new Error('partner is down', { cause: Object.create(null) }),
    'partner is down',
  ],
  'an error whose cause has an object as message': [
    new Error('partner is down', { cause: { message: { code: 1 } } }),
    'partner is down: { code: 1 }',
  ],
  'an error of a million characters': [
    new Error('😀'.repeat(1_000_000)),
    expect.stringMatching(/^(😀){1000,2000}$/),
  ],
  'an error with half a character': [new Error('half: \ud83d'), expect.stringContaining('half: ')],
  // Not every database holds a NUL.
  'an error with quotes and zeros': [new Error(`it's \\ "so" \0 %s ?`), `it's \\ "so" \uFFFD %s ?`],
  'an object without a prototype': [Object.create(null), expect.any(String)],
  'an object that can’t be put into words': [
    { toString: explode, [inspect.custom]: explode },
    expect.any(String),
  ],
  'an object that can’t be looked at': [
    new Proxy({}, { get: explode, getPrototypeOf: explode, ownKeys: explode }),
    expect.any(String),
  ],
  'a proxy that is revoked': [revoked(), expect.any(String)],
  'a text': ['partner is down', 'partner is down'],
  'a number': [42, '42'],
  'a bigint': [42n, '42n'],
  'a symbol': [Symbol('no'), 'Symbol(no)'],
  nothing: [undefined, 'undefined'],
  null: [null, 'null'],
};

function causingItself(): Error {
  const error = new Error('partner is down');
  error.cause = error;
  return error;
}

function revoked(): object {
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  return proxy;
}

forEachDatabase((database) => {
  let schema: TestDatabase;
  let app: TestApp;
  /** Words as they come: here the parameters say what is thrown. */
  const start = async ({ options, ...settings }: TestAppOptions) =>
    (app = await startApp(schema, { ...settings, options: { redact: false, ...options } }));
  /** Tasks of type `fine` still run. */
  const goesOn = async () => {
    const { id } = await app.redo.addRedoTask('fine', {});
    await app.told('succeeded', id);
  };

  beforeAll(async () => {
    schema = await createRedoDatabase(database);
  });
  afterEach(async () => {
    await app.close();
    await schema.query('DELETE FROM tbl_redotask');
  });
  afterAll(() => schema.drop());

  describe('a handler may throw whatever there is', () => {
    test('its task fails with the reason in words, those that end with it and after it go on', async () => {
      await start({
        handlers: {
          odd: {
            policy: { maxAttempts: 1 },

            handle: (name: keyof typeof THROWN) => {
              throw THROWN[name]![0];
            },
          },
          fine: () => {},
        },
        options: { concurrency: 50 },
      });
      const names = Object.keys(THROWN);
      const added = await app.redo.addRedoTasks('odd', names);
      await goesOn();
      for (const { id } of added) await app.told('dead', id);
      const tasks = await app.redo.list({ redoTaskId: 'odd' });
      const kept = new Map(tasks.map((task) => [task.params, task.errors.map(({ message }) => message)]));
      expect(kept).toEqual(new Map(names.map((name) => [name, [THROWN[name]![1]]])));
      for (const task of tasks)
        expect(task).toMatchObject({ status: 'DEAD', deadReason: 'EXHAUSTED', attempts: 1 });
      // A NUL is told as what can be shown everywhere.
      const zeros = tasks.find(({ params }) => params === 'an error with quotes and zeros');
      expect(zeros?.deadDetail).toBe(`it's \\ "so" \ufffd %s ?`);
      expect(app.all('trouble')).toEqual([]);
      await goesOn();
    });

    test('or return it: an error that is returned has failed, whatever it is like', async () => {
      const names = Object.keys(THROWN).filter((name) => types.isNativeError(THROWN[name]![0]));
      await start({
        handlers: {
          odd: { policy: { maxAttempts: 1 }, handle: (name: keyof typeof THROWN) => THROWN[name]![0] },
          fine: () => {},
        },
        options: { concurrency: 50 },
      });
      const added = await app.redo.addRedoTasks('odd', names);
      for (const { id } of added) await app.told('dead', id);
      for (const task of await app.redo.list({ redoTaskId: 'odd' }))
        expect(task.errors.map(({ message }) => message)).toEqual([THROWN[task.params as string]![1]]);
      await goesOn();
    });

    test('or a back-off function: the task comes again as by default', async () => {
      const wrong: Readonly<Record<string, unknown>> = {
        nothing: undefined,
        NaN: NaN,
        infinity: Infinity,
        negative: -1,
        text: '5',
        bigint: 5n,
        object: { valueOf: explode },
      };
      const policyOf = (backoff: () => unknown) => ({ backoff: backoff as () => number });
      await start({
        handlers: {
          ...Object.fromEntries(
            Object.entries(wrong).map(([name, value]) => [
              name,
              { policy: policyOf(() => value), handle: () => RedoResult.BIZ_ERROR },
            ]),
          ),
          throws: { policy: policyOf(explode), handle: () => RedoResult.BIZ_ERROR },
          fine: () => {},
        },
      });
      for (const type of [...Object.keys(wrong), 'throws']) {
        const { id } = await app.redo.addRedoTask(type, {});
        const { delay } = await app.told('failed', id);
        expect({ type, isADelay: Number.isInteger(delay) && delay > 0 }).toEqual({ type, isADelay: true });
      }
      expect(app.all('trouble')).toEqual([]);
      await goesOn();
    });
  });

  test.each(['exponential', 'linear', 'fixed'] as const)(
    'a task tried for ever with a back-off of 0 ms (%s) is still tried after thousands of attempts',
    async (type) => {
      let calls = 0;
      await start({
        handlers: {
          stubborn: {
            policy: { tryForever: true, backoff: { type, delay: 0 } },
            handle: () => ((calls += 1) <= 3 ? RedoResult.BIZ_ERROR : RedoResult.SUCCESS),
          },
          fine: () => {},
        },
      });
      const { id } = await app.redo.addRedoTask('stubborn', {}, { delay: HOUR });
      await schema.query('UPDATE tbl_redotask SET exec_times = 5000 WHERE id = ?', [id]);
      expect(await app.redo.retry(id)).toBe(1);
      expect(await app.told('succeeded', id)).toMatchObject({ attempt: 5_004 });
      expect(app.all('failed').map(({ attempt, delay }) => [attempt, delay])).toEqual([
        [5_001, 0],
        [5_002, 0],
        [5_003, 0],
      ]);
      await goesOn();
    },
  );

  describe('words that the database refuses', () => {
    let allow: () => Promise<void>;
    beforeAll(async () => {
      const message = 'not such a word';
      allow = await refuseWord(schema, {
        on: 'UPDATE',
        word: 'unspeakable',
        in: ['errors', 'dead_detail'],
        message,
      });
    });
    afterAll(() => allow());

    test('are left out: the task fails all the same, and nobody who ended with it waits for it', async () => {
      const { passed, open } = gate();
      await start({
        handlers: {
          bad: {
            policy: { backoff: { type: 'fixed', delay: HOUR } },
            handle: async () => {
              await passed;
              throw new Error('an unspeakable error');
            },
          },
          last: {
            policy: { maxAttempts: 1 },
            handle: async () => {
              await passed;
              throw new Error('the last, unspeakable error');
            },
          },
          good: () => passed,
          fine: () => {},
        },
      });
      const bad = await app.redo.addRedoTask('bad', {});
      const last = await app.redo.addRedoTask('last', {});
      const good = await app.redo.addRedoTask('good', {});
      await waitFor(() => app.all('started').length === 3, { what: 'all three to run' });
      open();
      await app.told('succeeded', good.id);
      await app.told('failed', bad.id);
      await app.told('dead', last.id);
      const failed = await app.redo.get(bad.id);
      expect(failed).toMatchObject({ status: 'PENDING', attempts: 1, worker: null });
      expect(failed?.errors).toMatchObject([
        { attempt: 1, message: expect.stringMatching(/could not be stored: .*not such a word/) },
      ]);
      expect(await app.redo.get(last.id)).toMatchObject({
        status: 'DEAD',
        deadReason: 'EXHAUSTED',
        deadDetail: expect.stringContaining('could not be stored'),
        attempts: 1,
      });
      expect(await rowOf(schema, good.id)).toBeUndefined();
      expect(app.all('started')).toHaveLength(3);
      expect(app.all('leaseLost')).toEqual([]);
      await goesOn();
    });

    test('are no reason to leave out those of a later task', async () => {
      const policy = { maxAttempts: 1 };
      await start({
        handlers: {
          job: { policy, handle: (message: string) => Promise.reject(new Error(message)) },
          stale: (reason: string) => RedoResult.discard(reason),
          fine: () => {},
        },
      });
      for (const type of ['job', 'stale']) {
        const bad = await app.redo.addRedoTask(type, 'unspeakable');
        await app.told('dead', bad.id);
        const good = await app.redo.addRedoTask(type, 'partner is down');
        expect(await app.told('dead', good.id)).toMatchObject({ detail: 'partner is down' });
      }
      await goesOn();
    });
  });
});
