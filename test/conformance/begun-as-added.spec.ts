import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { SchedulerRegistry } from '@nestjs/schedule';
import { REDRIVE_JOB, type RedoContext, type RedoTaskView } from 'nestjs-redo';
import { type Database, REDO_DATABASE } from '../../lib/store/database.js';
import { forEachDatabase } from '../support/databases.js';
import { lockEverything } from '../support/lock-everything.js';
import { createRedoDatabase, startApp, type TestApp } from '../support/redo-app.js';
import { openConnection } from '../support/server-connection.js';
import { StatementLog } from '../support/statement-log.js';
import { type ExtraOptions, type TestDatabase } from '../support/test-database.js';
import { waitFor } from '../support/wait-for.js';

const HOUR = 3_600_000;
/** A third of it passes between two renewals, ms. */
const SHORT = 1_500;
const LOOK = /SELECT 'clock'/;
const CLAIM = /tbl_pessimistic_lock/;
const BOTH = /INSERT INTO tbl_redotask[\s\S]+UPDATE tbl_redo_worker/;

forEachDatabase((database) => {
  const { kind } = database;
  let schema: TestDatabase;
  let app: TestApp;
  const log = new StatementLog();
  const runs: unknown[] = [];
  const told: { params: unknown; context: RedoContext; view: RedoTaskView | null }[] = [];

  /** An idle instance that does only what it is told to. */
  const startIdle = async (extra: ExtraOptions = {}, lease = HOUR) => {
    app = await startApp(schema, {
      handlers: {
        job: (name: unknown) => void runs.push(name),
        tells: async (params: unknown, context: RedoContext) =>
          void told.push({ params, context, view: await app.redo.get(context.id) }),
      },
      options: { schedule: { cron: '0 0 0 1 1 *' }, lease },
      dataSource: { ...log.options(schema), ...extra },
    });
    await waitFor(() => log.count(LOOK) > 0, { what: 'its first look' });
    await app.redo.redrive();
    log.clear();
  };
  const tick = () => app.nest.get(SchedulerRegistry).getCronJob(REDRIVE_JOB).fireOnTick();

  beforeAll(async () => {
    schema = await createRedoDatabase(database);
  });
  afterEach(async () => {
    await app.close();
    log.clear();
    runs.length = 0;
    told.length = 0;
    for (const table of ['tbl_redotask', 'tbl_redo_worker', 'tbl_redo_pause'])
      await schema.query(`DELETE FROM ${table}`);
  });
  afterAll(() => schema.drop());

  describe('a task that begins as it is added', () => {
    test('is not looked for before its instance knows its id', async () => {
      await startIdle();
      const unlock = await lockEverything(schema);
      let adding: Promise<{ id: number }> | undefined;
      try {
        adding = app.redo.addRedoTask('job', 'slow');
        await waitFor(() => log.statements.length > 0, { what: 'it to be sent' });
        await tick();
        // Answered after what the tick could have sent.
        for (let turns = 0; turns < 3; turns += 1) await app.redo.count();
        expect(log.count(LOOK) + log.count(CLAIM)).toBe(0);
      } finally {
        unlock();
      }
      const { id } = await adding;
      await app.told('succeeded', id);
      await waitFor(() => log.count(LOOK) > 0, { what: 'the look that was put off' });
      expect(runs).toEqual(['slow']);
    });

    // On SQLite a claim is one turn of the event loop, which nothing is beside.
    if (kind !== 'sqlite')
      test('is merely added while a claim is under way', async () => {
        await startIdle();
        const stranger = await openConnection(schema.url);
        await stranger.query('BEGIN');
        await stranger.query('SELECT id FROM tbl_redo_worker FOR UPDATE');
        try {
          await app.redo.addRedoTasks('job', ['one', 'two']);
          await waitFor(() => log.count(/UPDATE tbl_redo_worker/) > 0, { what: 'the claim to wait' });
          await app.redo.addRedoTask('job', 'beside');
          expect(log.count(BOTH)).toBe(0);
        } finally {
          stranger.close();
        }
        await waitFor(() => runs.length === 3, { what: 'all three' });
        await app.redo.redrive();
        expect(runs).toEqual(['one', 'two', 'beside']);
      });

    test.each([{ maxAttempts: 3, expiresIn: HOUR }, { tryForever: true }])(
      'tells its handler what its row says: %j',
      async (limits) => {
        await startIdle();
        const params = { text: 'λ\'"\\', none: null };
        const { id } = await app.redo.addRedoTask('tells', params, limits);
        await app.told('succeeded', id);
        expect(log.count(CLAIM)).toBe(0);
        expect(told).toHaveLength(1);
        const [{ context, view, ...given }] = told as [(typeof told)[0]];
        const { attempt, maxAttempts, createTime, expiredDate } = context;
        expect(view).toMatchObject({ id, params, maxAttempts, createTime, expiredDate, worker: { attempt } });
        expect([given.params, context.lastError]).toEqual([params, null]);
      },
    );

    describe('and somebody else steers:', () => {
      let other: TestApp;
      beforeEach(async () => {
        other = await startApp(schema, {
          handlers: { job: {}, tells: {} },
          options: { worker: false },
        });
      });
      afterEach(() => other.close());

      test('of a type that is paused it is merely added', async () => {
        await startIdle();
        await other.redo.pause('job');
        const { id } = await app.redo.addRedoTask('job', 'paused');
        await app.redo.redrive();
        expect(await app.redo.get(id)).toMatchObject({ status: 'PENDING', attempts: 0, worker: null });
        await other.redo.resume('job');
        await app.redo.redrive();
        await app.told('succeeded', id);
        expect(runs).toEqual(['paused']);
      });

      test('once somebody has knocked it is merely added, until that was heard', async () => {
        await startIdle();
        await other.redo.pause('tells');
        const first = await app.redo.addRedoTask('job', 'knocked');
        await app.told('succeeded', first.id);
        expect(log.count(CLAIM)).toBe(1);
        await app.redo.redrive();
        log.clear();
        const second = await app.redo.addRedoTask('job', 'heard');
        await app.told('succeeded', second.id);
        expect(log.count(CLAIM)).toBe(0);
        expect(runs).toEqual(['knocked', 'heard']);
        await other.redo.resume('tells');
      });

      test('what its instance knew in another life does not count in the next', async () => {
        await startIdle({}, SHORT);
        const database = app.nest.get<Database>(REDO_DATABASE, { strict: false });
        const lost = app.told('leaseLost');
        await schema.query('DELETE FROM tbl_redo_worker');
        await other.redo.pause('job');
        const reading = jest.spyOn(database, 'read').mockRejectedValue(new Error('away'));
        await lost;
        await waitFor(() => app.all('trouble').length > 0, { what: 'its first look, which fails' });
        const { id } = await app.redo.addRedoTask('job', 'paused');
        reading.mockRestore();
        await app.redo.redrive();
        expect(runs).toEqual([]);
        await other.redo.resume('job');
        await app.redo.redrive();
        await app.told('succeeded', id);
      });
    });

    test('is there once when its mark is refused', async () => {
      await startIdle(kind === 'sqlite' ? {} : { poolSize: 1 });
      await schema.query('ALTER TABLE tbl_redo_worker RENAME COLUMN writes TO writes_away');
      let id: number;
      try {
        ({ id } = await app.redo.addRedoTask('job', 'refused'));
      } finally {
        await schema.query('ALTER TABLE tbl_redo_worker RENAME COLUMN writes_away TO writes');
      }
      await app.told('succeeded', id);
      await app.redo.redrive();
      expect(runs).toEqual(['refused']);
      expect(await app.redo.count()).toBe(0);
    });
  });
});
