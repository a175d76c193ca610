import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { type RedoTaskView } from 'nestjs-redo';
import { type AnyRow, anyRow, hasStrictTypes, untypedRow } from '../support/any-row.js';
import { forEachDatabase } from '../support/databases.js';
import { cases } from '../support/fuzzing.js';
import { APPLICATION, createRedoDatabase, startApp, type TestApp } from '../support/redo-app.js';
import { type TestDatabase } from '../support/test-database.js';

const HOUR = 3_600_000;
const MOST_INT = 2_147_483_647;
/** `notify` succeeds, `refuse` always throws; each also runs the healthy tasks. */
const TYPES = ['notify', 'refuse'] as const;
const HEALTHY = 'healthy';

/** What must have become of a row after one pass. */
type Fate =
  | { readonly kind: 'untouched' }
  | { readonly kind: 'gone' }
  | { readonly kind: 'expired' | 'parked' | 'exhausted' | 'failed' };

forEachDatabase((database) => {
  let schema: TestDatabase;
  let app: TestApp;

  beforeAll(async () => {
    schema = await createRedoDatabase(database);
    const handle = (params: unknown) => {
      if (params !== HEALTHY) throw new Error('refused');
    };
    app = await startApp(schema, {
      handlers: {
        notify: () => {},
        refuse: { policy: { backoff: { type: 'fixed', delay: HOUR } }, handle },
        [HEALTHY]: () => {},
      },
    });
    await app.redo.redrive();
  });
  afterEach(() => clear());
  afterAll(async () => {
    await app.close();
    await schema.drop();
  });

  const clear = async () => {
    await schema.query('DELETE FROM tbl_redotask');
    app.happenings.length = 0;
  };

  const insert = async (rows: readonly AnyRow[]): Promise<number[]> => {
    const names = ['application_name', ...Object.keys(rows[0]!)] as (keyof AnyRow)[];
    const values = rows.flatMap((row) =>
      names.map((name) => ({ application_name: APPLICATION, ...row })[name]),
    );
    const marks = rows.map(() => `(${names.map(() => '?').join(', ')})`);
    await schema.query(`INSERT INTO tbl_redotask (${names.join(', ')}) VALUES ${marks.join(', ')}`, values);
    const found = await schema.query<{ id: number }>('SELECT id FROM tbl_redotask ORDER BY id');
    return found.map(({ id }) => id);
  };

  const allRows = async () => {
    const found = await schema.query<{ id: number }>('SELECT * FROM tbl_redotask');
    return new Map(found.map((row) => [row.id, row]));
  };

  /** Adds healthy tasks behind `rows` and makes one pass, in which they must be done, whatever the rows are. */
  const passOver = async (rows: readonly AnyRow[]): Promise<void> => {
    await app.dataSource.transaction(async (manager) => {
      await app.redo.addRedoTask(HEALTHY, HEALTHY, { manager });
      for (const type of TYPES) await app.redo.addRedoTask(type, HEALTHY, { manager });
    });
    const healthy = (await app.redo.list({}, { limit: 3 })).map(({ id }) => id);
    expect(healthy).toHaveLength(3);
    await app.redo.redrive();
    const done = app.all('succeeded').map(({ id }) => id);
    expect(done).toEqual(expect.arrayContaining(healthy));
    expect(app.all('trouble')).toEqual([]);
    expect(app.all('leaseLost')).toEqual([]);
    expect(rows.length).toBeGreaterThan(0);
  };

  /** Each row that is left can be seen, one by one and in a list, with the reason for its state. */
  const expectVisible = async (): Promise<Map<number, RedoTaskView>> => {
    const listed = await app.redo.list({}, { limit: 1_000 });
    for (const task of [...listed.slice(0, 2), ...listed.slice(-2)])
      // As text: jest compares by recursion, and parameters may be nested deeper than that goes.
      expect(JSON.stringify(await app.redo.get(task.id))).toBe(JSON.stringify(task));
    const left = await schema.query<{ id: number; status: string }>('SELECT id, status FROM tbl_redotask');
    expect(listed.map(({ id }) => id).sort()).toEqual(left.map(({ id }) => id).sort());
    const statusOf = new Map(left.map(({ id, status }) => [id, status]));
    for (const { id, status } of listed) expect(status).toBe(statusOf.get(id));
    await app.redo.stats();
    return new Map(listed.map((task) => [task.id, task]));
  };

  describe('whatever is in rows that somebody wrote by hand', () => {
    test('each meets its fate and shows it, and a healthy task behind them is done in the same pass', async () => {
      await fc.assert(
        fc
          .asyncProperty(fc.array(anyRow(TYPES), { minLength: 1, maxLength: 25 }), async (rows) => {
            const ids = await insert(rows);
            const before = await allRows();
            await passOver(rows);
            const seen = await expectVisible();
            const after = await allRows();
            for (const [index, row] of rows.entries()) {
              const id = ids[index]!;
              const now = after.get(id);
              const [fate, task] = [fateOf(row), seen.get(id)];
              const attempts = Number(row.exec_times);
              switch (fate.kind) {
                case 'untouched':
                  expect(now).toEqual(before.get(id));
                  break;
                case 'gone':
                  expect(now).toBeUndefined();
                  break;
                case 'expired':
                  expect(task).toMatchObject({ status: 'DEAD', deadReason: 'EXPIRED', attempts });
                  break;
                case 'parked':
                  expect(task).toMatchObject({ status: 'PARKED', attempts, reqParam: row.req_param });
                  expect(task!.errors.at(-1)!.message).toMatch(/^req_param can't be decoded: it is .+/);
                  break;
                case 'exhausted':
                  expect(task).toMatchObject({ status: 'DEAD', deadReason: 'EXHAUSTED' });
                  break;
                case 'failed':
                  expect(task).toMatchObject({
                    status: 'PENDING',
                    attempts: Math.min(attempts + 1, MOST_INT),
                  });
                  expect(task!.errors.at(-1)).toMatchObject({ message: 'refused' });
              }
            }
          })
          .afterEach(clear),
        cases(15),
      );
    });

    test('a person can revive and end all of them at once', async () => {
      await fc.assert(
        fc
          .asyncProperty(fc.array(anyRow(TYPES), { minLength: 1, maxLength: 25 }), async (rows) => {
            const [bound, free] = [rows, rows.map((row) => ({ ...row, dedupe_key: null }))];
            for (const each of [bound, free]) {
              await insert(each);
              await app.redo.redrive();
              const revived = await app.redo.retry({});
              expect(revived).toBeLessThanOrEqual(each.length);
              await app.redo.redrive();
              await app.redo.discard({}, 'enough');
              expect(await app.redo.count({ status: 'PENDING' })).toBe(0);
              expect(await app.redo.count({ status: 'PARKED' })).toBe(0);
              expect(app.all('trouble')).toEqual([]);
              await clear();
            }
          })
          .afterEach(clear),
        cases(8),
      );
    });

    if (!hasStrictTypes(database.kind))
      test('also where a column of numbers holds anything: it is parked or left, and others are done', async () => {
        await fc.assert(
          fc
            .asyncProperty(fc.array(untypedRow(TYPES), { minLength: 1, maxLength: 25 }), async (rows) => {
              const ids = await insert(rows);
              await passOver(rows);
              const seen = await expectVisible();
              for (const task of seen.values())
                if (task.status === 'PARKED' && rows[ids.indexOf(task.id)]?.status === 'PENDING')
                  expect(task.errors.at(-1)!.message).toMatch(/can't be decoded: /);
              // Nothing of it keeps an engine busy.
              expect(await app.redo.redrive()).toMatchObject({ claimed: 0 });
            })
            .afterEach(clear),
          cases(15),
        );
      });
  });

  test('a row whose attempts can’t be counted any further goes on being tried, and others are done', async () => {
    const row: AnyRow = {
      ...fc.sample(anyRow(TYPES), { numRuns: 1, seed: 1 })[0]!,
      redo_task_id: 'refuse',
      status: 'PENDING',
      max_attempts: null,
      exec_times: MOST_INT,
      req_param: '{"params":1}',
      next_exec_time: 0,
      expire_time: null,
    };
    const [id] = await insert([row]);
    await passOver([row]);
    expect(await app.redo.get(id!)).toMatchObject({ status: 'PENDING', attempts: MOST_INT });
  });

  test('rows of a type that differs by blanks at its end, more than fit under one lock, hold up nobody', async () => {
    const padded = {
      ...fc.sample(anyRow(TYPES), { numRuns: 1, seed: 1 })[0]!,
      redo_task_id: 'notify ',
      status: 'PENDING',
      next_exec_time: 0,
      expire_time: null,
      dedupe_key: null,
    };
    const ids = await insert(Array.from({ length: 300 }, () => padded));
    await passOver([padded]);
    expect(await app.redo.count({ redoTaskId: 'notify' })).toBe(0);
    expect(await app.redo.count({ status: 'PENDING' })).toBe(ids.length);
  });
});

/** The rules of the contract once more, in the simplest form. */
function fateOf(row: AnyRow): Fate {
  const [type, now] = [row.redo_task_id, Date.now()];
  const isDue = row.status === 'PENDING' && Number(row.next_exec_time) <= now;
  if (!isDue || !['notify', 'refuse', HEALTHY].includes(type)) return { kind: 'untouched' };
  if (row.expire_time !== null && Number(row.expire_time) <= now) return { kind: 'expired' };
  const params = paramsOf(row.req_param);
  if (!params) return { kind: 'parked' };
  const attempts = Number(row.exec_times);
  const limit = row.try_forever === '1' ? null : Number(row.max_attempts) || null;
  if (limit !== null && attempts >= limit) return { kind: 'exhausted' };
  if (type !== 'refuse' || params.value === HEALTHY) return { kind: 'gone' };
  return { kind: limit !== null && attempts + 1 >= limit ? 'exhausted' : 'failed' };
}

function paramsOf(text: string | null): { readonly value: unknown } | undefined {
  if (text === null) return { value: null };
  try {
    const decoded = JSON.parse(text) as Record<string, unknown> | null;
    if (typeof decoded !== 'object' || decoded === null || !Object.hasOwn(decoded, 'params'))
      return undefined;
    return { value: decoded['params'] };
  } catch {
    return undefined;
  }
}
