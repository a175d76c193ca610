import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { RedoResult } from 'nestjs-redo';
import { redoMigrations } from 'nestjs-redo/migrations';
import { DataSource } from 'typeorm';
import { forEachServer } from '../support/databases.js';
import { createAccount, type LimitedAccount } from '../support/limited-account.js';
import { APPLICATION, passTime, startApp, type TestApp } from '../support/redo-app.js';
import { type TestDatabase } from '../support/test-database.js';
import { waitFor } from '../support/wait-for.js';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;

forEachServer((database) => {
  let schema: TestDatabase;
  let migrator: LimitedAccount;
  let service: LimitedAccount;
  let migrations: DataSource;

  beforeAll(async () => {
    schema = await database.create();
    migrator = await createAccount(schema, 'migrator');
    migrations = new DataSource(schema.options({ migrations: redoMigrations, ...migrator.options }));
    await migrations.initialize();
    await migrations.runMigrations();
    service = await createAccount(schema, 'order_service');
  });
  afterAll(async () => {
    await service.drop();
    await migrations.destroy();
    await migrator.drop();
    await schema.drop();
  });

  describe('an account with the grants of SECURITY.md and no others', () => {
    let app: TestApp;
    const policy = { maxAttempts: 2, backoff: { type: 'fixed', delay: 0 } } as const;

    beforeAll(async () => {
      app = await startApp(schema, {
        handlers: {
          fine: () => {},
          fails: { policy, handle: () => Promise.reject(new Error('no')) },
          later: () => RedoResult.retryAfter(HOUR),
          waits: {},
        },
        options: { retention: { dead: DAY, succeeded: DAY }, schedule: { interval: 20 } },
        dataSource: service.options,
      });
    });
    afterAll(() => app.close());

    test('may do nothing else', async () => {
      const other = new DataSource(schema.options(service.options));
      await other.initialize();
      for (const sql of [
        'CREATE TABLE tbl_other (id INT)',
        'ALTER TABLE tbl_redotask ADD COLUMN x INT',
        'DROP TABLE tbl_redo_pause',
        'TRUNCATE TABLE tbl_redo_pause',
      ])
        await expect(other.query(sql)).rejects.toThrow(/denied|must be owner/);
      await other.destroy();
    });

    test('adds, runs, fails, revives, ends, pauses, reaps and sweeps', async () => {
      const { redo, dataSource } = app;
      const { id } = await redo.addRedoTask('fine', 1);
      await app.told('succeeded', id);
      await redo.addRedoTasks('fine', [1, 2, 3]);
      const keyed = await redo.addRedoTask('waits', 1, { dedupeKey: 'k' });
      await dataSource.transaction(async (manager) => {
        expect(await redo.addRedoTask('waits', 1, { dedupeKey: 'k', manager })).toEqual({
          id: keyed.id,
          created: false,
        });
        await redo.addRedoTasks('later', ['a', 'b'], { manager, dedupeKey: (name) => name });
      });
      const failing = await redo.addRedoTask('fails', 1);
      await app.told('dead', failing.id);
      expect(await redo.retry({ redoTaskId: 'fails' })).toBe(1);
      expect(await redo.discard({ redoTaskId: 'waits' }, 'no more')).toBe(1);
      expect(await redo.retry(keyed.id)).toBe(1);
      const brief = await redo.addRedoTask('fine', 1, { delay: HOUR, expiresIn: 2 * HOUR });
      await schema.query(
        `INSERT INTO tbl_redotask (application_name, redo_task_id, req_param) VALUES (?, 'fine', '{')`,
        [APPLICATION],
      );
      expect(await redo.pause('fine')).toBe(true);
      expect(await redo.pause('fine')).toBe(false);
      expect(await redo.resume('fine')).toBe(true);

      const [, , , , running] = await Promise.all([
        redo.list(),
        redo.count(),
        redo.stats(),
        redo.workers(),
        redo.redrive(),
      ]);
      expect(running).toMatchObject({ parked: expect.any(Number) });
      await schema.query(
        `INSERT INTO tbl_redo_worker (id, application_name, host, pid, start_time, lease_until, handlers, held, running)
         VALUES ('gone', ?, 'h', 1, 0, 1, '[]', '{}', ?)`,
        [APPLICATION, `{"later":[[${brief.id},1]]}`],
      );
      await schema.query('DELETE FROM tbl_pessimistic_lock');
      await passTime(schema, 3 * HOUR);
      await app.told('workerLapsed');
      expect(await app.told('dead', brief.id)).toMatchObject({ reason: 'EXPIRED' });
      await app.redo.redrive();
      expect(app.all('trouble')).toEqual([]);
      expect(await redo.count({ status: 'PARKED' })).toBe(1);
    });

    test('sweeps what is old', async () => {
      await passTime(schema, 2 * DAY);
      const sweeping = await startApp(schema, {
        handlers: { fine: () => {} },
        options: { retention: { dead: DAY, succeeded: DAY }, schedule: { interval: 20 } },
        dataSource: service.options,
      });
      await waitFor(async () => (await app.redo.count({ status: 'SUCCEEDED' })) === 0, { what: 'the sweep' });
      await sweeping.close();
      expect(sweeping.all('trouble')).toEqual([]);
    });
  });

  test('the account of the migrations reverts them too', async () => {
    for (let left = redoMigrations.length; left > 0; left -= 1) await migrations.undoLastMigration();
    await migrations.runMigrations();
  });
});
