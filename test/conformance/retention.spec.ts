import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { SchedulerRegistry } from '@nestjs/schedule';
import { REDRIVE_JOB, type RedoOptions, RedoResult } from 'nestjs-redo';
import { forEachDatabase } from '../support/databases.js';
import { createRedoDatabase, passTime, startApp, type TestApp } from '../support/redo-app.js';
import { StatementLog } from '../support/statement-log.js';
import { type TestDatabase } from '../support/test-database.js';
import { waitFor } from '../support/wait-for.js';

const DAY = 24 * 3_600_000;
/** A list of ids goes to a server as one JSON text. */
const idsAmong = (values: readonly unknown[]) =>
  values.flatMap(idsIn).filter((value) => typeof value === 'number');
/** A list of ids may be one text: `[1,2]`, or `{1,2}` on PostgreSQL. */
const idsIn = (value: unknown): unknown[] => {
  const [, listed] = /^[[{](.*)[\]}]$/.exec(String(value)) ?? [];
  return listed === undefined ? [value] : listed.split(',').map(Number);
};
const range = (count: number) => Array.from({ length: count }, (_, index) => index);

forEachDatabase((database) => {
  let schema: TestDatabase;
  let app: TestApp;
  const log = new StatementLog();
  /** An instance sweeps at its first tick, and this one ticks when the test says so. */
  const start = async (retention: RedoOptions['retention']) => {
    app = await startApp(schema, {
      handlers: {
        good: () => {},
        bad: { policy: { maxAttempts: 1 }, handle: () => RedoResult.failure('no') },
        other: () => RedoResult.discard('no'),
      },
      options: { schedule: { cron: '0 0 0 1 1 *' }, retention },
      dataSource: log.options(schema),
    });
  };
  const tick = () => app.nest.get(SchedulerRegistry).getCronJob(REDRIVE_JOB).fireOnTick();
  const left = async () => {
    const rows = await schema.query<{ id: number }>('SELECT id FROM tbl_redotask ORDER BY id');
    return rows.map(({ id }) => id);
  };

  beforeAll(async () => {
    schema = await createRedoDatabase(database);
  });
  afterEach(async () => {
    await app.close();
    log.clear();
    await schema.query('DELETE FROM tbl_redotask');
  });
  afterAll(() => schema.drop());

  describe('retention', () => {
    test('deletes dead tasks that are older than retention.dead; younger ones and living ones stay', async () => {
      await start({ dead: 7 * DAY });
      const old = [await app.redo.addRedoTask('bad', {}), await app.redo.addRedoTask('other', {})];
      for (const { id } of old) await app.told('dead', id);
      await passTime(schema, 6 * DAY);
      const young = await app.redo.addRedoTask('bad', {});
      await app.told('dead', young.id);
      await passTime(schema, DAY);
      const living = await app.redo.addRedoTask('good', {}, { delay: 60_000 });
      await tick();
      await waitFor(async () => (await left()).length <= 2, { what: 'the old ones to go' });
      expect(await left()).toEqual([young.id, living.id]);
    });

    test('keeps succeeded tasks on request alone, and so long', async () => {
      await start({ succeeded: DAY });
      const old = await app.redo.addRedoTask('good', { a: 1 });
      await app.told('succeeded', old.id);
      expect(await app.redo.get(old.id)).toMatchObject({
        status: 'SUCCEEDED',
        attempts: 1,
        params: { a: 1 },
        nextExecTime: null,
        endTime: expect.any(Date) as unknown,
      });
      await passTime(schema, DAY);
      const young = await app.redo.addRedoTask('good', {});
      await app.told('succeeded', young.id);
      await tick();
      await waitFor(async () => (await left()).length === 1, { what: 'the old one to go' });
      expect(await left()).toEqual([young.id]);
    });

    test('of Infinity keeps them for ever and asks nothing', async () => {
      await start({ dead: Infinity, succeeded: Infinity });
      const { id } = await app.redo.addRedoTask('bad', {});
      await app.told('dead', id);
      await passTime(schema, 1_000 * DAY);
      log.clear();
      await tick();
      await waitFor(() => log.statements.length > 0, { what: 'the tick' });
      await app.redo.redrive();
      expect(log.count(/'DEAD'|DELETE/)).toBe(0);
      expect(log.statements.some(({ values }) => values.map(String).includes('DEAD'))).toBe(false);
      expect(await left()).toEqual([id]);
    });

    test('deletes 1,300 in small chunks, each a short transaction, of one application only', async () => {
      await start({ dead: DAY });
      const insert = (application: string, count: number) =>
        schema.query(
          `INSERT INTO tbl_redotask (application_name, redo_task_id, status, dead_reason, next_exec_time)
           VALUES ${range(count)
             .map((index) => `('${application}', '${index % 2 ? 'bad' : 'gone'}', 'DEAD', 'EXHAUSTED', 1)`)
             .join(', ')}`,
        );
      await insert('order-service', 1_300);
      await insert('another-service', 10);
      await tick();
      await waitFor(async () => (await left()).length === 10, { what: 'all of its own to go' });
      const deletes = log.matching(/^DELETE /);
      const sizes = deletes.map(({ values }) => idsAmong(values).length);
      expect(sizes.reduce((sum, size) => sum + size, 0)).toBe(1_300);
      expect(Math.max(...sizes)).toBeLessThanOrEqual(500);
      // Each is committed before the next.
      const order = log.statements
        .map(({ text }) => (/^DELETE /.test(text) ? 'delete' : text))
        .filter((text) => text === 'delete' || text === 'COMMIT')
        .join(' ');
      expect(order).not.toContain('delete delete');
    });
  });
});
