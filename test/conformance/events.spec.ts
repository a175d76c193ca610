import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { type AddedTask, type RedoEventMap, RedoEvents, RedoResult } from 'nestjs-redo';
import { forEachDatabase } from '../support/databases.js';
import {
  APPLICATION,
  createRedoDatabase,
  gate,
  rowOf,
  startApp,
  type TestApp,
  type TestAppOptions,
} from '../support/redo-app.js';
import { type TestDatabase } from '../support/test-database.js';
import { waitFor } from '../support/wait-for.js';

const HOUR = 3_600_000;
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

forEachDatabase((database) => {
  let schema: TestDatabase;
  let app: TestApp;
  const start = async (settings: TestAppOptions) => (app = await startApp(schema, settings));
  const events = () => app.nest.get(RedoEvents);

  beforeAll(async () => {
    schema = await createRedoDatabase(database);
  });
  afterEach(async () => {
    await app.close();
    for (const table of ['tbl_redotask', 'tbl_redo_worker', 'tbl_redo_pause'])
      await schema.query(`DELETE FROM ${table}`);
  });
  afterAll(() => schema.drop());

  describe('tells', () => {
    test('added: each task, once it is committed', async () => {
      await start({ handlers: { notify: {} } });
      const rows: Promise<unknown>[] = [];
      events().on('added', ({ id }) => rows.push(rowOf(schema, id)));
      const one = await app.redo.addRedoTask('notify', 1, { dedupeKey: 'k' });
      const same = await app.redo.addRedoTask('notify', 1, { dedupeKey: 'k' });
      const many = await app.redo.addRedoTasks('notify', [1, 2]);
      const inTransaction = await app.dataSource.transaction(async (manager) => {
        const added = await app.redo.addRedoTask('notify', 1, { manager });
        expect(app.all('added')).toHaveLength(4);
        return added;
      });
      const all = [one, same, ...many, inTransaction];
      expect(app.all('added')).toEqual(all.map((added) => ({ ...added, redoTaskId: 'notify' })));
      for (const row of await Promise.all(rows)) expect(row).toMatchObject({ status: 'PENDING' });
    });

    test('started and succeeded, with the attempt', async () => {
      let calls = 0;
      await start({
        handlers: {
          notify: {
            policy: { backoff: { type: 'fixed', delay: 0 } },
            handle: () => ((calls += 1) < 3 ? RedoResult.BIZ_ERROR : RedoResult.SUCCESS),
          },
        },
      });
      const { id } = await app.redo.addRedoTask('notify', 1);
      await app.told('succeeded', id);
      const task = { id, redoTaskId: 'notify' };
      expect(app.all('started')).toEqual([1, 2, 3].map((attempt) => ({ ...task, attempt })));
      expect(app.all('succeeded')).toEqual([{ ...task, attempt: 3 }]);
      expect(app.all('failed').map(({ attempt }) => attempt)).toEqual([1, 2]);
    });

    test('failed: the attempt, the limit, the error and when it comes again', async () => {
      await start({
        handlers: {
          notify: {
            policy: { maxAttempts: 5, backoff: { type: 'fixed', delay: 90_000 } },
            handle: () => Promise.reject(new Error('partner is down')),
          },
          forever: {
            policy: { tryForever: true, backoff: () => 1_234 },
            handle: () => RedoResult.failure('not yet'),
          },
        },
      });
      const { id } = await app.redo.addRedoTask('notify', 1);
      const failed = await app.told('failed', id);
      expect(failed).toEqual({
        id,
        redoTaskId: 'notify',
        attempt: 1,
        maxAttempts: 5,
        delay: 90_000,
        error: {
          attempt: 1,
          message: 'partner is down',
          stack: expect.stringContaining('partner is down'),
          time: expect.any(Date),
          host: expect.any(String),
        },
      });
      const task = await app.redo.get(id);
      expect(task?.errors).toEqual([failed.error]);
      const { id: other } = await app.redo.addRedoTask('forever', 1);
      expect(await app.told('failed', other)).toMatchObject({
        maxAttempts: null,
        delay: 1_234,
        error: { message: 'not yet', stack: null },
      });
    });

    test('postponed: when it comes again, the attempt not counted', async () => {
      await start({ handlers: { notify: () => RedoResult.retryAfter(60_000) } });
      const { id } = await app.redo.addRedoTask('notify', 1);
      expect(await app.told('postponed', id)).toEqual({
        id,
        redoTaskId: 'notify',
        attempt: 1,
        delay: 60_000,
      });
      expect(app.all('failed')).toEqual([]);
    });

    test('dead: exhausted, discarded or expired, once it is so in the database', async () => {
      const rows = new Map<number, Promise<unknown>>();
      await start({
        handlers: {
          exhausted: { policy: { maxAttempts: 1 }, handle: () => RedoResult.failure('account closed') },
          discarded: () => RedoResult.discard('withdrawn'),
          expired: () => {},
        },
      });
      events().on('dead', ({ id }) => void rows.set(id, rowOf(schema, id)));
      const exhausted = (await app.redo.addRedoTask('exhausted', 1)).id;
      const discarded = (await app.redo.addRedoTask('discarded', 1)).id;
      const expired = (await app.redo.addRedoTask('expired', 1, { delay: HOUR, expiresIn: HOUR })).id;
      await schema.query('UPDATE tbl_redotask SET next_exec_time = 1, expire_time = 1 WHERE id = ?', [
        expired,
      ]);
      await app.redo.redrive();
      expect(await app.told('dead', exhausted)).toEqual({
        id: exhausted,
        redoTaskId: 'exhausted',
        reason: 'EXHAUSTED',
        detail: 'account closed',
        attempts: 1,
      });
      expect(await app.told('dead', discarded)).toMatchObject({
        reason: 'DISCARDED',
        detail: 'withdrawn',
        attempts: 1,
      });
      expect(await app.told('dead', expired)).toMatchObject({ redoTaskId: 'expired', reason: 'EXPIRED' });
      expect(app.all('dead')).toHaveLength(3);
      for (const row of await Promise.all(rows.values())) expect(row).toMatchObject({ status: 'DEAD' });
    });

    test('parked: why', async () => {
      await start({ handlers: { notify: () => {} } });
      const { id } = await app.redo.addRedoTask('notify', 1, { delay: HOUR });
      await schema.query(`UPDATE tbl_redotask SET next_exec_time = 1, req_param = 'x' WHERE id = ?`, [id]);
      await app.redo.redrive();
      expect(await app.told('parked', id)).toEqual({
        id,
        redoTaskId: 'notify',
        error: (await app.redo.get(id))?.errors[0]?.message,
      });
    });

    test('workerStopped: what was handed back', async () => {
      await start({ handlers: { notify: () => {} } });
      await app.redo.redrive();
      const [worker] = await app.redo.workers();
      expect(worker!.id).toMatch(UUID);
      await app.close();
      expect(app.all('workerStopped')).toEqual([{ workerId: worker!.id, handedBack: 0 }]);
    });

    test('workerStarted: with the types it can run', async () => {
      const started: RedoEventMap['workerStarted'][] = [];
      class Watcher {
        constructor(all: RedoEvents) {
          all.on('workerStarted', (event) => started.push(event));
        }
      }
      await start({
        handlers: { notify: () => {}, refund: () => {}, adds: {} },
        providers: [
          { provide: Watcher, inject: [RedoEvents], useFactory: (all: RedoEvents) => new Watcher(all) },
        ],
      });
      await app.redo.redrive();
      const [worker] = await app.redo.workers();
      expect(started).toEqual([{ workerId: worker!.id, redoTaskIds: ['notify', 'refund'] }]);
    });

    test('workerLapsed: who it was and what is charged', async () => {
      await start({ handlers: { notify: { policy: { maxAttempts: 1 }, handle: () => {} } } });
      await app.redo.redrive();
      const { id } = await app.redo.addRedoTask('notify', 1, { delay: HOUR });
      await schema.query(
        `INSERT INTO tbl_redo_worker (id, application_name, host, pid, start_time, lease_until, handlers, held, running)
         VALUES ('11111111-2222-3333-4444-555555555555', ?, 'elsewhere', 4711, 1, 1, '[]', '{}', ?)`,
        [APPLICATION, JSON.stringify({ notify: [[id, 1]] })],
      );
      await app.redo.redrive();
      expect(app.all('workerLapsed')).toEqual([
        {
          workerId: '11111111-2222-3333-4444-555555555555',
          host: 'elsewhere',
          pid: 4711,
          charged: [{ id, redoTaskId: 'notify', attempt: 1 }],
        },
      ]);
      expect(app.all('dead')).toMatchObject([{ id, reason: 'EXHAUSTED', attempts: 1 }]);
    });

    test('leaseLost: the worker, why, and what was running', async () => {
      const running = gate();
      await start({ handlers: { notify: () => running.passed } });
      const { id } = await app.redo.addRedoTask('notify', 1);
      await app.told('started', id);
      const [worker] = await app.redo.workers();
      await schema.query('DELETE FROM tbl_redo_worker');
      running.open();
      expect(await app.told('leaseLost')).toEqual({
        workerId: worker!.id,
        running: expect.any(Number),
        reason: expect.any(String),
      });
    });

    test('trouble and recovered: what could not be done, how often, and that it could', async () => {
      await start({ handlers: { notify: () => {} } });
      await app.redo.redrive();
      await schema.query('ALTER TABLE tbl_redo_pause RENAME TO tbl_redo_pause_away');
      try {
        // Two, so that they are claimed: a lone one would begin as it is added.
        const [{ id }] = (await app.redo.addRedoTasks('notify', [1, 2])) as [AddedTask, AddedTask];
        await waitFor(() => app.all('trouble').length >= 2, { what: 'two failed tries' });
        expect(app.all('trouble').slice(0, 2)).toEqual([
          { doing: 'claim tasks', error: expect.any(Error), failures: 1, retryIn: expect.any(Number) },
          { doing: 'claim tasks', error: expect.any(Error), failures: 2, retryIn: expect.any(Number) },
        ]);
        await schema.query('ALTER TABLE tbl_redo_pause_away RENAME TO tbl_redo_pause');
        await app.told('succeeded', id);
        expect(app.all('recovered')).toEqual([{ doing: 'claim tasks', failures: app.all('trouble').length }]);
      } finally {
        await schema.query('ALTER TABLE tbl_redo_pause_away RENAME TO tbl_redo_pause').catch(() => {});
      }
    });
  });

  describe('a listener', () => {
    test('that throws, or whose promise is rejected, harms nobody', async () => {
      await start({
        handlers: {
          notify: () => {},
          doomed: { policy: { maxAttempts: 1 }, handle: () => RedoResult.BIZ_ERROR },
        },
      });
      const heard: string[] = [];
      for (const name of ['added', 'started', 'succeeded', 'dead'] as const) {
        events().on(name, () => {
          throw new Error('listener is broken');
        });
        events().on(name, () => Promise.reject(new Error('listener is broken too')));
        events().on(name, ({ redoTaskId }) => heard.push(`${name} ${redoTaskId}`));
      }
      const { id } = await app.redo.addRedoTask('notify', 1);
      await app.told('succeeded', id);
      const { id: doomed } = await app.dataSource.transaction((manager) =>
        app.redo.addRedoTask('doomed', 1, { manager }),
      );
      await app.told('dead', doomed);
      expect(await app.redo.redrive()).toMatchObject({ claimed: 0 });
      expect(heard).toEqual([
        'added notify',
        'started notify',
        'succeeded notify',
        'added doomed',
        'started doomed',
        'dead doomed',
      ]);
      expect(app.all('trouble')).toEqual([]);
    });

    test('that takes its time holds nobody up', async () => {
      await start({ handlers: { notify: () => {} } });
      events().on('added', () => new Promise(() => {}));
      events().on('started', () => new Promise(() => {}));
      const { id } = await app.redo.addRedoTask('notify', 1);
      await app.told('succeeded', id);
    });

    test('may add tasks', async () => {
      await start({ handlers: { first: () => {}, second: () => {} } });
      events().on('succeeded', ({ redoTaskId, id }) =>
        redoTaskId === 'first' ? app.redo.addRedoTask('second', { after: id }) : undefined,
      );
      await app.redo.addRedoTask('first', 1);
      await waitFor(() => app.all('succeeded').some(({ redoTaskId }) => redoTaskId === 'second'));
    });

    test('hears nothing any more once it has unsubscribed, the others do', async () => {
      await start({ handlers: { notify: {} } });
      const heard: string[] = [];
      const off = events().on('added', () => heard.push('one'));
      events().on('added', () => heard.push('other'));
      await app.redo.addRedoTask('notify', 1);
      off();
      off();
      await app.redo.addRedoTask('notify', 2);
      expect(heard).toEqual(['one', 'other', 'other']);
    });
  });
});
