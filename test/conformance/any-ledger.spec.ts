import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { forEachDatabase } from '../support/databases.js';
import { cases } from '../support/fuzzing.js';
import { APPLICATION, createRedoDatabase, startApp, type TestApp } from '../support/redo-app.js';
import { type TestDatabase } from '../support/test-database.js';

/** Ids of tasks begin here: whatever is drawn below means none of them. */
const FIRST_ID = 5_000_000_000;
const MOST_BIGINT = 2n ** 63n - 1n;

const visible = fc.string({ unit: 'binary', maxLength: 30 }).map((text) => text.replace(/[\0\p{Cs}]/gu, ''));
const mark = fc.oneof(
  fc.tuple(fc.integer(), fc.integer()),
  fc.tuple(fc.string(), fc.string()),
  fc.array(fc.jsonValue({ maxDepth: 1 }), { maxLength: 3 }),
  fc.jsonValue({ maxDepth: 1 }),
);
const byType = fc.dictionary(
  fc.oneof(fc.constantFrom('job', 'constructor', '__proto__', 'toString'), fc.string()),
  fc.oneof(fc.array(mark, { maxLength: 4 }), fc.jsonValue({ maxDepth: 2 })),
);
const column = fc.oneof(
  visible,
  fc.json(),
  byType.map((value) => JSON.stringify(value)),
  fc.array(fc.jsonValue({ maxDepth: 1 })).map((value) => JSON.stringify(value)),
  fc.constantFrom(
    '',
    'null',
    '{',
    '[[[',
    '{"job":[[1,1],[1,2]]}',
    '{"job":["x"]}',
    '{"job":[null]}',
    '{"job":{"length":1}}',
  ),
);
const instant = fc.oneof(
  fc.constantFrom(0, 1, -1, String(MOST_BIGINT), String(-MOST_BIGINT - 1n)),
  fc.bigInt({ min: -MOST_BIGINT - 1n, max: MOST_BIGINT }).map(String),
);
const reached = fc.option(column, { freq: 3 });
const columns = fc.record({ held: column, running: column, handlers: column, reached });
const worker = fc.record({
  id: fc.oneof(fc.uuid(), fc.stringMatching(/^[!-~]{1,36}$/)),
  application_name: fc.constant(APPLICATION),
  host: visible,
  pid: fc.integer(),
  start_time: instant,
  lease_until: instant,
  held: column,
  running: column,
  handlers: column,
  reached,
});

forEachDatabase((database) => {
  let schema: TestDatabase;
  let app: TestApp;

  beforeAll(async () => {
    schema = await createRedoDatabase(database);
    await schema.query(`INSERT INTO tbl_redotask (id, redo_task_id) VALUES (?, '')`, [FIRST_ID]);
    app = await startApp(schema, {
      handlers: { job: () => {}, constructor: () => {}, ['__proto__']: () => {} },
    });
    await app.redo.redrive();
  });
  afterEach(async () => {
    await schema.query('DELETE FROM tbl_redo_worker WHERE start_time <> (SELECT 0) AND pid <> ?', [
      process.pid,
    ]);
  });
  afterAll(async () => {
    await app.close();
    await schema.drop();
  });

  const write = async (row: Record<string, unknown>) => {
    const names = Object.keys(row);
    const marks = names.map(() => '?').join(', ');
    await schema.query(
      `INSERT INTO tbl_redo_worker (${names.join(', ')}) VALUES (${marks})`,
      Object.values(row),
    );
  };

  /** Tasks are added, run and settled, and everything can be looked at. */
  const goesOn = async () => {
    const added = await app.redo.addRedoTasks('job', [1, 2, 3]);
    await app.redo.redrive();
    const done = app.all('succeeded').map(({ id }) => id);
    expect(done).toEqual(expect.arrayContaining(added.map(({ id }) => id)));
    for (const name of ['trouble', 'leaseLost'] as const) expect(app.all(name)).toEqual([]);
    const { types } = await app.redo.stats();
    expect(types.find(({ redoTaskId }) => redoTaskId === 'job')).toMatchObject({
      pending: 0,
      hasHandler: true,
    });
    expect(await app.redo.list()).toEqual([]);
    app.happenings.length = 0;
  };

  test('whatever stands in rows of other workers: tasks go on, and lapsed ones are cleared up', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.uniqueArray(worker, { selector: ({ id }) => id, maxLength: 6 }),
        async (workers) => {
          await schema.query('DELETE FROM tbl_redo_worker WHERE pid <> ?', [process.pid]);
          for (const row of workers) if (row.pid !== process.pid) await write(row);
          for (const each of await app.redo.workers()) expect(() => JSON.stringify(each)).not.toThrow();
          await goesOn();
          expect((await app.redo.workers()).filter(({ alive }) => !alive)).toEqual([]);
        },
      ),
      cases(15),
    );
  });

  test('whatever somebody writes into the row of this worker: it goes on, and writes it anew', async () => {
    await fc.assert(
      fc.asyncProperty(columns, async ({ held, running, handlers, reached }) => {
        await schema.query(
          'UPDATE tbl_redo_worker SET held = ?, running = ?, handlers = ?, reached = ? WHERE pid = ?',
          [held, running, handlers, reached, process.pid],
        );
        await app.redo.workers();
        await goesOn();
        const [own] = (await app.redo.workers()).filter(({ pid }) => pid === process.pid);
        expect(own).toMatchObject({ alive: true, redoTaskIds: ['job', 'constructor', '__proto__'] });
      }),
      cases(15),
    );
  });

  test('more marks in a lapsed worker’s row than a statement has places for: it is cleared up', async () => {
    const running = JSON.stringify({ job: Array.from({ length: 40_000 }, (_, id) => [id + 1, 1]) });
    const [row] = fc.sample(worker, { numRuns: 1, seed: 1 });
    await write({ ...row, pid: process.pid + 1, lease_until: 1, running });
    await goesOn();
    expect(await app.redo.workers()).toMatchObject([{ pid: process.pid }]);
  });
});
