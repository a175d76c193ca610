import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { InvalidRedoTaskError } from 'nestjs-redo';
import { garbage, garbageOf } from '../support/any-option.js';
import { forEachDatabase } from '../support/databases.js';
import { cases } from '../support/fuzzing.js';
import { createRedoDatabase, startApp, type TestApp } from '../support/redo-app.js';
import { type TestDatabase } from '../support/test-database.js';

const ADD = [
  'manager',
  'maxAttempts',
  'tryForever',
  'expiredDate',
  'expiresIn',
  'delay',
  'runAt',
  'dedupeKey',
];
const FILTER = ['ids', 'redoTaskId', 'status', 'deadReason', 'dedupeKey'];

/** A sentence that names what was given, or where, and what is allowed. */
const REFUSAL =
  /^redo: (nothing was added, paramsList\[\d+\] is refused: )?(.+ (is|belongs to|sets both|has no option) [^]*; allowed: |params.* (is|refers|has) )/;

forEachDatabase((database) => {
  let schema: TestDatabase;
  let app: TestApp;

  beforeAll(async () => {
    schema = await createRedoDatabase(database);
    app = await startApp(schema, { handlers: { notify: {} }, options: { worker: false } });
  });
  afterAll(async () => {
    await app.close();
    await schema.drop();
  });

  /** @returns what it gave, or undefined where it was refused as it must be */
  const orRefusal = async <T>(call: () => Promise<T>): Promise<T | undefined> => {
    try {
      return await call();
    } catch (error) {
      expect(error).toBeInstanceOf(InvalidRedoTaskError);
      expect((error as Error).message).toMatch(REFUSAL);
      return undefined;
    }
  };
  const rows = async () => {
    const [row] = await schema.query<{ count: number }>('SELECT COUNT(*) AS count FROM tbl_redotask');
    return Number(row!.count);
  };

  describe('whatever a caller without a compiler passes', () => {
    test('to addRedoTask: one task that looks like it, or a refusal by name and nothing written', async () => {
      await fc.assert(
        fc.asyncProperty(
          fc.oneof(fc.jsonValue({ maxDepth: 2 }), garbage),
          fc.oneof(garbageOf(ADD), garbage),
          async (params, options) => {
            const before = await rows();
            const added = await orRefusal(() => app.redo.addRedoTask('notify', params, options as object));
            const known = added?.created === false ? 0 : 1;
            expect(await rows()).toBe(before + (added ? known : 0));
            if (!added) return;
            const task = await app.redo.get(added.id);
            expect(JSON.stringify(task!.params)).toBe(JSON.stringify(params));
            expect(task!.createTime.getTime()).toBeGreaterThan(0);
          },
        ),
        cases(60),
      );
    });

    test('to addRedoTasks: all of them, or none', async () => {
      await fc.assert(
        fc.asyncProperty(
          fc.array(
            fc.oneof(
              { weight: 9, arbitrary: fc.jsonValue({ maxDepth: 1 }) },
              { weight: 1, arbitrary: garbage },
            ),
            { maxLength: 5 },
          ),
          fc.oneof(
            { weight: 3, arbitrary: fc.constant(undefined) },
            { weight: 1, arbitrary: garbageOf(ADD) },
          ),
          fc.boolean(),
          async (list, options, inTransaction) => {
            const before = await rows();
            const call = () =>
              inTransaction
                ? app.dataSource.transaction((manager) =>
                    app.redo.addRedoTasks('notify', list, { ...options, manager }),
                  )
                : app.redo.addRedoTasks('notify', list, options);
            const added = await orRefusal(call);
            expect(await rows()).toBe(before + (added?.length ?? 0));
            if (added) expect(added).toHaveLength(list.length);
          },
        ),
        cases(40),
      );
    });

    test('as a filter, a page or an id: an answer, or a refusal by name and nothing changed', async () => {
      await app.redo.addRedoTask('notify', 1);
      const before = await schema.query('SELECT * FROM tbl_redotask ORDER BY id');
      const filter = fc.oneof(garbageOf(FILTER), garbage);
      await fc.assert(
        fc.asyncProperty(filter, fc.oneof(garbageOf(['limit', 'before']), garbage), async (given, page) => {
          await orRefusal(() => app.redo.list(given as object, page as object));
          await orRefusal(() => app.redo.count(given as object));
          await orRefusal(() => app.redo.get(given as number));
          // `{}` means all.
          const isPlain = Object.prototype.toString.call(given) === '[object Object]';
          if (isPlain && Object.keys(given as object).length === 0) return;
          expect((await orRefusal(() => app.redo.discard(given as object, given as string))) ?? 0).toBe(0);
        }),
        cases(60),
      );
      expect(await schema.query('SELECT * FROM tbl_redotask ORDER BY id')).toEqual(before);
    });
  });
});
