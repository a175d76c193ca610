import { inspect } from 'node:util';
import { Logger } from '@nestjs/common';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { maskParams, RedoResult } from 'nestjs-redo';
import { forEachDatabase } from '../support/databases.js';
import { createRedoDatabase, startApp, type TestApp, type TestAppOptions } from '../support/redo-app.js';
import { refuseWord } from '../support/refused-words.js';
import { type TestDatabase } from '../support/test-database.js';

const SECRET = '4111-1111-1111-1111';
const params = { order: 7, payment: { card: SECRET, holder: 'Ada "A" Lovelace' } };
type Params = typeof params;

// eslint-disable-next-line @typescript-eslint/prefer-promise-reject-errors -- not every handler keeps to it
const rejected = (reason: unknown) => Promise.reject(reason);

/** Ways in which handlers repeat what they were given. */
const LEAKING: Readonly<Record<string, (given: Params) => unknown>> = {
  message: ({ payment }) => Promise.reject(new Error(`card ${payment.card} was refused`)),
  cause: ({ payment }) => Promise.reject(new Error('refused', { cause: new Error(`card=${payment.card}`) })),
  'a code of the cause': ({ payment }) =>
    Promise.reject(new Error('refused', { cause: { code: payment.card } })),
  'an object': (given) => rejected(given),
  'an object with it': (given) => rejected({ request: given.payment, status: 400 }),
  'a text': ({ payment }) => rejected(payment.card),
  'the answer of a partner': (given) => Promise.reject(new Error(`400: ${JSON.stringify(given)}`)),
  'a URL': ({ payment }) =>
    Promise.reject(new Error(`GET /?c=${encodeURIComponent(payment.holder)}&n=${payment.card}`)),
  'a long message': ({ payment }) =>
    Promise.reject(new Error(`${'x'.repeat(1_970)} ${payment.card} ${'y '.repeat(9_999)}`)),
  'parameters that it changed': (given) => {
    const { card } = given.payment;
    given.payment.card = '';
    throw new Error(`card ${card}`);
  },
  'a failure returned': ({ payment }) => RedoResult.failure(`card ${payment.card}`),
  'an error returned': ({ payment }) => new Error(`card ${payment.card}`),
  'a discard': ({ payment }) => RedoResult.discard(`stolen: ${payment.card}`),
};

forEachDatabase((database) => {
  let schema: TestDatabase;
  let app: TestApp;
  let lines: string[];

  beforeAll(async () => {
    schema = await createRedoDatabase(database);
  });
  afterEach(async () => {
    await app.close();
    await schema.query('DELETE FROM tbl_redotask');
  });
  afterAll(() => schema.drop());

  const start = async (settings: TestAppOptions) => {
    app = await startApp(schema, settings);
    lines = [];
    const note = (...line: unknown[]) => void lines.push(line.map(String).join(' '));
    Logger.overrideLogger({ log: note, warn: note, error: note, debug: note, verbose: note, fatal: note });
  };
  const addAll = () =>
    app.dataSource.transaction(async (manager) => {
      for (const type of Object.keys(LEAKING)) await app.redo.addRedoTask(type, params, { manager });
    });
  const everythingTold = () =>
    inspect([lines, app.happenings], {
      depth: Infinity,
      maxStringLength: null,
      maxArrayLength: null,
      showHidden: true,
    });
  const leaking = (maxAttempts: number) =>
    Object.fromEntries(
      Object.entries(LEAKING).map(([type, handle]) => [
        type,
        { policy: { maxAttempts, backoff: { type: 'fixed', delay: 0 } } as const, handle },
      ]),
    );

  describe('a parameter’s value is in its row, and nowhere else:', () => {
    test('not in a log line, an event or what is stored of an error, whatever a handler says', async () => {
      await start({ handlers: leaking(2), options: { concurrency: 50 } });
      await addAll();
      await app.redo.redrive();
      const tasks = await app.redo.list({ status: 'DEAD' });
      expect(tasks).toHaveLength(Object.keys(LEAKING).length);
      expect(lines.length).toBeGreaterThan(tasks.length);
      expect(everythingTold()).not.toContain(SECRET);
      expect(everythingTold()).not.toContain('Lovelace');
      for (const { params: kept, deadDetail, errors } of tasks) {
        expect(kept).toEqual(params);
        const texts = JSON.stringify([deadDetail, errors]);
        expect(texts).not.toContain('1111');
        expect(texts).not.toContain('Lovelace');
        // Whoever looks finds where to look.
        expect(texts).toMatch(/\[params\.payment\.(card|holder)\]/);
      }
    });

    test('not where the row can’t be decoded: no part of its text is quoted', async () => {
      await start({ handlers: { notify: () => {} } });
      for (const spoilt of [
        SECRET,
        `"${SECRET}`,
        `{"params":{"card":"${SECRET}"`,
        `{"params":${SECRET}}`,
        `{"params":"${SECRET}"} x`,
        `{"card":"${SECRET}"}`,
        `{"params":{"card":'${SECRET}'}}`,
        `{"params":"${SECRET}\n"}`,
      ]) {
        await schema.query(
          `INSERT INTO tbl_redotask (application_name, redo_task_id, req_param) VALUES (?, ?, ?)`,
          ['order-service', 'notify', spoilt],
        );
      }
      await app.redo.redrive();
      const parked = await app.redo.list({ status: 'PARKED' });
      expect(parked).toHaveLength(8);
      for (const { errors } of parked) expect(JSON.stringify(errors)).not.toContain('1111');
      expect(lines.filter((line) => line.includes('is parked'))).toHaveLength(8);
      expect(everythingTold()).not.toContain('1111');
    });

    test('not in the error of a call that is refused, or that the database refuses', async () => {
      await start({ handlers: { notify: {} }, options: { maxPayloadBytes: 1_000 } });
      const { redo, dataSource } = app;
      const loop: Record<string, unknown> = { card: SECRET };
      loop['self'] = loop;
      const hiding = Object.defineProperty({ card: SECRET }, 'hidden', { value: SECRET, enumerable: false });
      const bad: unknown[] = [
        { card: SECRET, amount: 1n },
        loop,
        hiding,
        new Map([['card', SECRET]]),
        [SECRET, undefined],
        `${SECRET}`.repeat(100),
        new Error(SECRET),
        Symbol(SECRET),
        () => SECRET,
      ];
      const calls = [
        ...bad.flatMap((each) => [
          () => redo.addRedoTask('notify', each),
          () => redo.addRedoTasks('notify', [params, each]),
        ]),
        () => redo.addRedoTask(params as never, 'notify'),
        () => redo.addRedoTasks('notify', params as never),
        () => redo.addRedoTasks('notify', { ...params, length: 1 } as never),
      ];
      const refused = await Promise.all(
        calls.map((call) =>
          call().then(
            () => 'added',
            (error: unknown) => error,
          ),
        ),
      );
      for (const error of refused) {
        expect(error).toBeInstanceOf(Error);
        expect(inspect(error, { depth: Infinity, showHidden: true })).not.toContain('1111');
      }

      const allow = await refuseWord(schema, {
        on: 'INSERT',
        word: SECRET,
        in: ['req_param'],
        message: 'not today',
      });
      const failing = [
        () => redo.addRedoTask('notify', params),
        () => redo.addRedoTasks('notify', [params, params]),
        () => redo.addRedoTask('notify', params, { dedupeKey: 'k' }),
        () => dataSource.transaction((manager) => redo.addRedoTask('notify', params, { manager })),
      ];
      for (const call of failing) {
        const error = await call().then(
          () => 'added',
          (reason: unknown) => reason,
        );
        expect(error).toBeInstanceOf(Object);
        expect((error as Error).message).toMatch(/not today/);
        expect(inspect(error, { depth: Infinity, showHidden: true })).not.toContain('1111');
        expect(JSON.stringify(error)).not.toContain('1111');
      }
      await allow();
      expect(await redo.count()).toBe(0);
    });
  });

  describe('the option redact', () => {
    const once = { maxAttempts: 1 };
    const handlers = { pay: { policy: once, handle: LEAKING['message']! }, drop: LEAKING['a discard']! };
    const outcomeOf = async (redact: NonNullable<TestAppOptions['options']>['redact']) => {
      await start({ handlers, options: { redact } });
      await app.redo.addRedoTask('pay', params);
      await app.redo.addRedoTask('drop', params);
      await app.redo.redrive();
      const [drop, pay] = await app.redo.list();
      return { drop: drop!, pay: pay! };
    };

    test('false: texts stay as they are', async () => {
      const { drop, pay } = await outcomeOf(false);
      expect(pay).toMatchObject({
        deadDetail: `card ${SECRET} was refused`,
        errors: [{ message: `card ${SECRET} was refused` }],
      });
      expect(drop.deadDetail).toBe(`stolen: ${SECRET}`);
      expect(lines.filter((line) => line.includes(SECRET))).toHaveLength(2);
    });

    test('a function cleans message, stack and reason, knowing the task', async () => {
      const { drop, pay } = await outcomeOf((text, { id, redoTaskId, params: given }) =>
        maskParams(text, given).replace('refused', `declined in ${redoTaskId} ${typeof id}`),
      );
      const message = 'card [params.payment.card] was declined in pay number';
      expect(pay).toMatchObject({
        deadDetail: message,
        errors: [{ message, stack: expect.stringContaining(message) }],
      });
      expect(drop.deadDetail).toBe('stolen: [params.payment.card]');
      expect(lines.join('\n')).toContain(message);
    });

    test.each([
      [
        'throws',
        'it threw',
        () => {
          throw new Error(SECRET);
        },
      ],
      ['returns no text', 'it returned a value of type undefined', () => undefined as never],
    ])('a function that %s: the text is withheld, the task goes its way', async (_, why, redact) => {
      const { drop, pay } = await outcomeOf(redact);
      const withheld = `the text is withheld: redact could not clean it, ${why}`;
      expect(pay).toMatchObject({
        status: 'DEAD',
        deadReason: 'EXHAUSTED',
        deadDetail: withheld,
        errors: [{ message: withheld, stack: withheld }],
      });
      expect(drop).toMatchObject({ status: 'DEAD', deadReason: 'DISCARDED', deadDetail: withheld });
      expect(everythingTold()).not.toContain('1111');
    });
  });
});
