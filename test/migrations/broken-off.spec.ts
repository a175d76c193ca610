import { expect, test } from '@jest/globals';
import { type QueryRunner } from 'typeorm';
import { forEachDatabase, isJavas, type Database, type TestDatabase } from '../support/databases.js';
import { addSeedTasks, createSeedTables, SEED_TASKS } from '../support/seed-tables.js';
import { addTask, FINISHED_TASKS, onOneConnection, rowsOf, structureOf, tablesOf } from './migrating.js';

const CONNECTION_LOST = new Error('connection lost');

/** The connection breaks before the n-th statement: as if the answer to the one before it was lost. */
function breakingAt(queryRunner: QueryRunner, statement: number): QueryRunner {
  let count = 0;
  const query = async (...args: Parameters<QueryRunner['query']>): Promise<unknown> => {
    count++;
    if (count < statement) return queryRunner.query(...args);
    throw CONNECTION_LOST;
  };
  return new Proxy(queryRunner, {
    get(target, name) {
      if (name === 'query') return query;
      const value: unknown = Reflect.get(target, name);
      return typeof value === 'function' ? (value.bind(target) as unknown) : value;
    },
  });
}

async function contentOf(schema: TestDatabase) {
  const tables = await tablesOf(schema);
  const content: Record<string, unknown> = {};
  for (const table of tables.filter((name) => name.startsWith('tbl_redotask') || name.includes('lock'))) {
    const rows = await rowsOf(schema, table);
    content[table] = {
      rows: rows.map((row) => ({ ...row, next_exec_time: row['next_exec_time'] === 0 ? 0 : 'set' })),
      structure: schema.kind === 'sqlite' ? undefined : await structureOf(schema, table),
    };
  }
  return { tables, content };
}

type Direction = 'up' | 'down';

async function run(schema: TestDatabase, direction: Direction): Promise<void> {
  await onOneConnection(schema, (queryRunner, migration) => migration[direction](queryRunner));
}

/** True if it broke off, false if it needed fewer statements. */
async function runBreaking(schema: TestDatabase, direction: Direction, at: number) {
  let broken = false;
  await onOneConnection(schema, async (queryRunner, migration) => {
    try {
      await migration[direction](breakingAt(queryRunner, at));
    } catch (error) {
      if (error !== CONNECTION_LOST) throw error;
      broken = true;
      // the server rolls back when a connection breaks
      if (schema.kind !== 'sqlite') await queryRunner.query('ROLLBACK');
    }
  });
  return broken;
}

type Prepare = (schema: TestDatabase) => Promise<void>;

/** What there is in the end when the migration breaks off before statement `at` and is run again. */
async function endOf(database: Database, prepare: Prepare, direction: Direction, at: number) {
  const schema = await database.create();
  try {
    await prepare(schema);
    const broken = await runBreaking(schema, direction, at);
    if (broken) await run(schema, direction);
    return { broken, content: await contentOf(schema) };
  } finally {
    await schema.drop();
  }
}

const filled = async (schema: TestDatabase) => {
  await run(schema, 'up');
  await addTask(schema);
  for (const task of FINISHED_TASKS) await addTask(schema, task);
  await schema.query(`INSERT INTO tbl_pessimistic_lock (resource) VALUES ('nestjs-redo:order-service')`);
};

const seeded = async (schema: TestDatabase) => {
  await createSeedTables(schema);
  await addSeedTasks(schema, [SEED_TASKS[0]!, SEED_TASKS[5]!, SEED_TASKS[8]!]);
};

const takenOver = async (schema: TestDatabase) => {
  await seeded(schema);
  await filled(schema);
};

forEachDatabase((database) => {
  const cases: [string, Prepare, Direction][] = [
    ['creating the tables', () => Promise.resolve(), 'up'],
    ['reverting', filled, 'down'],
    ['running again after reverting', async (schema) => (await filled(schema), run(schema, 'down')), 'up'],
  ];
  if (isJavas(database.kind)) {
    cases.push(
      ['taking over', seeded, 'up'],
      ['reverting what was taken over', takenOver, 'down'],
      ['taking over again', async (schema) => (await takenOver(schema), run(schema, 'down')), 'up'],
    );
  }

  test.each(cases)(
    '%s ends the same after it broke off at any statement',
    async (_name, prepare, direction) => {
      const unbroken = await endOf(database, prepare, direction, Infinity);
      for (let at = 1; ; at++) {
        const { broken, content } = await endOf(database, prepare, direction, at);
        if (!broken) return expect(at).toBeGreaterThan(5);
        expect({ at, ...content }).toEqual({ at, ...unbroken.content });
      }
    },
    300_000,
  );
});
