import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { RedoModule } from 'nestjs-redo';
import { forEachDatabase } from '../support/databases.js';
import { createRedoDatabase, gate, rowOf, startApp, type TestApp } from '../support/redo-app.js';
import { type TestDatabase } from '../support/test-database.js';

const nested = (depth: number): unknown => (depth === 0 ? 'deep' : { a: [nested(depth - 1)] });

const VALUES: Record<string, unknown> = {
  '0': 0,
  '-1.5': -1.5,
  '1e300': 1e300,
  'the largest safe integer': Number.MAX_SAFE_INTEGER,
  true: true,
  false: false,
  'the empty string': '',
  null: null,
  'an empty object': {},
  'an empty array': [],
  'an array of falsy values': [0, false, '', null],
  'emoji and Chinese': { text: '重试 👩‍👩‍👧‍👦 🏳️‍🌈 ✓' },
  'NUL and other control characters': '\0 \x01 \b \t \n \r \x1a \x7f \u2028',
  'quotes, backslashes and what SQL looks at': `' '' " \\ \\' %_ ? :a @b $1 ; -- /* */ \`x\``,
  'what looks like JSON': '{"params":{"x":1}}',
  'half a surrogate pair': '\ud83d',
  'keys of every kind': { '': 1, 'a b': 2, '💥': 3, constructor: 4, params: 5, toString: 6, '0': 7 },
  'a date in ISO form': '2031-07-15T11:22:33.457Z',
  'deep nesting': nested(200),
  'a long text': 'é'.repeat(100_000),
};

/** The most that the option `maxPayloadBytes` accepts, as its error says. */
function largestLimit(): number {
  try {
    RedoModule.forRoot('big', { maxPayloadBytes: Infinity });
  } catch (error) {
    return Number(/an integer from 1 to (\d+) bytes/.exec((error as Error).message)?.[1]);
  }
  throw new Error('no limit');
}

forEachDatabase((database) => {
  let schema: TestDatabase;
  let app: TestApp;
  /** What handlers were given, by the task's id. */
  const given = new Map<number, unknown>();

  beforeAll(async () => {
    schema = await createRedoDatabase(database);
    app = await startApp(schema, {
      handlers: { echo: (params: unknown, { id }: { id: number }) => void given.set(id, params), keep: {} },
    });
  });
  afterEach(() => schema.query('DELETE FROM tbl_redotask'));
  afterAll(async () => {
    await app.close();
    await schema.drop();
  });

  describe('params is any JSON value, and comes back as it was', () => {
    test.each(Object.entries(VALUES))('%s', async (_, value) => {
      const kept = await app.redo.addRedoTask('keep', value);
      expect((await app.redo.get(kept.id))?.params).toStrictEqual(value);
      const { id } = await app.redo.addRedoTask('echo', value);
      await app.told('succeeded', id);
      expect(given.get(id)).toStrictEqual(value);
      const [many] = await app.redo.addRedoTasks('keep', [value]);
      expect((await app.redo.get(many!.id))?.params).toStrictEqual(value);
    });

    test('whatever it is', async () => {
      await fc.assert(
        fc.asyncProperty(fc.array(fc.jsonValue({ depthSize: 'small' }), { minLength: 1 }), async (values) => {
          const added = await app.redo.addRedoTasks('keep', values);
          const tasks = await app.redo.list({ ids: added.map(({ id }) => id) }, { limit: 1_000 });
          const byId = new Map(tasks.map((task) => [task.id, task.params]));
          // As text, in which also the keys and their order show.
          expect(added.map(({ id }) => JSON.stringify(byId.get(id)))).toEqual(
            values.map((value) => JSON.stringify(value)),
          );
        }),
        { numRuns: 50 },
      );
    });

    test('is stored in the form of the Java component', async () => {
      const { id } = await app.redo.addRedoTask('keep', { name: '张三', desc: 'x' });
      expect((await rowOf(schema, id))?.['req_param']).toBe('{"params":{"name":"张三","desc":"x"}}');
    });

    test('is copied when it is added: later changes are the caller’s own', async () => {
      const params = { items: [1] };
      const adding = app.redo.addRedoTask('keep', params);
      params.items.push(2);
      expect((await app.redo.get((await adding).id))?.params).toEqual({ items: [1] });
    });

    test('each attempt gets its own copy', async () => {
      const held = gate();
      const seen: string[] = [];
      const other = await startApp(schema, {
        applicationName: 'copies',
        handlers: {
          spoil: {
            policy: { maxAttempts: 2, backoff: { type: 'fixed', delay: 0 } },
            handle: async (params: { items: number[] }) => {
              await held.passed;
              seen.push(JSON.stringify(params));
              params.items.push(9);
              throw new Error('again');
            },
          },
        },
      });
      const { id } = await other.redo.addRedoTask('spoil', { items: [1] });
      held.open();
      await other.told('dead', id);
      await other.close();
      expect(seen).toEqual(['{"items":[1]}', '{"items":[1]}']);
    });
  });

  describe('maxPayloadBytes', () => {
    test('that many bytes of JSON pass; one more is refused, with both sizes in the message', async () => {
      const limit = 262_144;
      const fits = 'x'.repeat(limit - 2);
      const { id } = await app.redo.addRedoTask('keep', fits);
      expect((await app.redo.get(id))?.params).toBe(fits);
      await expect(app.redo.addRedoTask('keep', `${fits}x`)).rejects.toThrow(
        'the parameters are 262145 bytes of JSON; allowed: at most 262144 (option maxPayloadBytes)',
      );
      expect(await app.redo.count()).toBe(1);
    });

    test('counts bytes, not characters', async () => {
      const fits = '😀'.repeat((262_144 - 4) / 4) + 'xx';
      const { id } = await app.redo.addRedoTask('keep', fits);
      expect((await app.redo.get(id))?.params).toBe(fits);
      await expect(app.redo.addRedoTask('keep', `${fits}é`)).rejects.toThrow('262146 bytes');
    });

    test('parameters of the largest size that can be allowed fit, whatever they consist of', async () => {
      const limit = largestLimit();
      const big = await startApp(schema, {
        applicationName: 'big',
        handlers: { keep: {} },
        options: { maxPayloadBytes: limit },
      });
      try {
        for (const params of ['x'.repeat(limit - 2), '"'.repeat(limit / 2 - 1)]) {
          const { id } = await big.redo.addRedoTask('keep', params);
          expect((await big.redo.get(id))?.params === params).toBe(true);
        }
      } finally {
        await big.close();
      }
    });

    test('a thousand large ones go in one addRedoTasks', async () => {
      const text = 'é'.repeat(10_000);
      const added = await app.redo.addRedoTasks(
        'keep',
        Array.from({ length: 1_000 }, (_, index) => `${index} ${text}`),
      );
      expect(added).toHaveLength(1_000);
      expect((await app.redo.get(added[777]!.id))?.params).toBe(`777 ${text}`);
    });
  });
});
