import { afterAll, afterEach, beforeAll, describe, expect, jest, test } from '@jest/globals';
import {
  InvalidRedoTaskError,
  type RedoContext,
  RedoError,
  RedoResult,
  type RedoTaskFilter,
  UnknownTaskTypeError,
} from 'nestjs-redo';
import { type Database, REDO_DATABASE } from '../../lib/store/database.js';
import { forEachDatabase } from '../support/databases.js';
import {
  APPLICATION,
  createRedoDatabase,
  gate,
  rowOf,
  startApp,
  type TestApp,
  type TestAppOptions,
  passTime,
} from '../support/redo-app.js';
import { StatementLog } from '../support/statement-log.js';
import { type TestDatabase } from '../support/test-database.js';
import { waitFor } from '../support/wait-for.js';

/** A definition alone: its tasks are added and stay as they are. */
const definition = {};
const HOUR = 3_600_000;
const range = (count: number) => Array.from({ length: count }, (_, index) => index);
/** Dead after its only attempt. */
const doomed = { policy: { maxAttempts: 1 }, handle: () => Promise.reject(new Error('account closed')) };

forEachDatabase((database) => {
  let schema: TestDatabase;
  let app: TestApp;
  const others: TestApp[] = [];
  const log = new StatementLog();
  const start = async (settings: TestAppOptions) =>
    (app = await startApp(schema, { dataSource: log.options(schema), ...settings }));
  const startOther = async (settings: TestAppOptions) => {
    const other = await startApp(schema, settings);
    others.push(other);
    return other;
  };
  const statusOf = async (id: number) => (await app.redo.get(id))?.status;
  const ids = (tasks: readonly { id: number }[]) => tasks.map(({ id }) => id);
  const deadTask = async (dedupeKey?: string) => {
    const { id } = await app.redo.addRedoTask('doomed', { order: 7 }, { dedupeKey });
    await app.told('dead', id);
    return id;
  };
  /** A row's parameters spoilt before it is due, so that it is parked. */
  const parkedTask = async (type: string) => {
    const { id } = await app.redo.addRedoTask(type, 1, { delay: HOUR });
    await schema.query(`UPDATE tbl_redotask SET req_param = '{', next_exec_time = 0 WHERE id = ?`, [id]);
    await app.redo.redrive();
    expect(await statusOf(id)).toBe('PARKED');
    return id;
  };

  beforeAll(async () => {
    schema = await createRedoDatabase(database);
  });
  afterEach(async () => {
    await Promise.all([app, ...others.splice(0)].map((each) => each.close()));
    for (const table of ['tbl_redotask', 'tbl_redo_worker', 'tbl_redo_pause'])
      await schema.query(`DELETE FROM ${table}`);
  });
  afterAll(() => schema.drop());

  describe('get', () => {
    test('shows one task, all of it', async () => {
      await start({ handlers: { notify: definition } });
      const { id } = await app.redo.addRedoTask(
        'notify',
        { a: 1 },
        { delay: HOUR, expiresIn: 2 * HOUR, dedupeKey: 'k', maxAttempts: 4 },
      );
      const task = await app.redo.get(id);
      const createTime = task!.createTime.getTime();
      expect(task).toStrictEqual({
        id,
        redoTaskId: 'notify',
        status: 'PENDING',
        params: { a: 1 },
        reqParam: '{"params":{"a":1}}',
        attempts: 0,
        maxAttempts: 4,
        createTime: new Date(createTime),
        nextExecTime: new Date(createTime + HOUR),
        expiredDate: new Date(createTime + 2 * HOUR),
        endTime: null,
        deadReason: null,
        deadDetail: null,
        dedupeKey: 'k',
        errors: [],
        worker: null,
        hasHandler: false,
      });
    });

    test('is null for a task that is not there or has succeeded', async () => {
      await start({ handlers: { notify: () => {} } });
      const { id } = await app.redo.addRedoTask('notify', 1);
      await app.told('succeeded', id);
      expect(await app.redo.get(id)).toBeNull();
      expect(await app.redo.get(Number.MAX_SAFE_INTEGER)).toBeNull();
    });

    test('shows a SUCCEEDED task where they are kept on request', async () => {
      await start({ handlers: { notify: () => {} }, options: { retention: { succeeded: HOUR } } });
      const { id } = await app.redo.addRedoTask('notify', { a: 1 });
      await app.told('succeeded', id);
      expect(await app.redo.get(id)).toMatchObject({
        status: 'SUCCEEDED',
        attempts: 1,
        params: { a: 1 },
        nextExecTime: null,
        endTime: expect.any(Date),
        deadReason: null,
      });
    });

    test('shows whether and where it is running, and held', async () => {
      const running = gate();
      await start({ handlers: { notify: () => running.passed, held: definition } });
      const { id } = await app.redo.addRedoTask('notify', 1);
      await app.told('started', id);
      const [worker] = await app.redo.workers();
      expect(await app.redo.get(id)).toMatchObject({
        status: 'PENDING',
        attempts: 0,
        worker: { id: worker!.id, host: worker!.host, pid: process.pid, state: 'RUNNING', attempt: 1 },
      });

      const held = await app.redo.addRedoTask('held', 1);
      await addWorkerRow({ held: { held: [held.id] } });
      expect((await app.redo.get(held.id))?.worker).toEqual({
        id: OTHER_WORKER,
        host: 'elsewhere',
        pid: 4711,
        state: 'HELD',
        attempt: null,
      });
      running.open();
      await app.told('succeeded', id);
    });
  });

  const OTHER_WORKER = '11111111-2222-3333-4444-555555555555';
  /** What another instance, on another host, would have written down. */
  const addWorkerRow = (has: {
    handlers?: string[];
    held?: Record<string, number[]>;
    running?: Record<string, [number, number][]>;
    leaseUntil?: number;
  }) =>
    schema.query(
      `INSERT INTO tbl_redo_worker (id, application_name, host, pid, start_time, lease_until, handlers, held, running)
       VALUES (?, ?, 'elsewhere', 4711, ?, ?, ?, ?, ?)`,
      [
        OTHER_WORKER,
        APPLICATION,
        Date.now(),
        has.leaseUntil ?? Date.now() + HOUR,
        JSON.stringify(has.handlers ?? []),
        JSON.stringify(has.held ?? {}),
        JSON.stringify(has.running ?? {}),
      ],
    );

  describe('list and count', () => {
    const seed = async () => {
      await start({ handlers: { notify: definition, refund: definition, doomed, parkable: () => {} } });
      const notify = ids(await app.redo.addRedoTasks('notify', [1, 2, 3]));
      const refund = ids([await app.redo.addRedoTask('refund', 1, { dedupeKey: 'r' })]);
      const dead = [await deadTask()];
      const parked = [await parkedTask('parkable')];
      const discarded = ids([await app.redo.addRedoTask('refund', 2)]);
      await app.redo.discard(discarded[0]!, 'by hand');
      return { notify, refund, dead, parked, discarded };
    };

    test('give every task of this application, newest first, or those of a filter', async () => {
      const { notify, refund, dead, parked, discarded } = await seed();
      const all = [...notify, ...refund, ...dead, ...parked, ...discarded];
      const cases: [RedoTaskFilter | undefined, number[]][] = [
        [undefined, all],
        [{}, all],
        [{ redoTaskId: 'notify' }, notify],
        [{ redoTaskId: 'nobody.knows' }, []],
        [{ status: 'PENDING' }, [...notify, ...refund]],
        [{ status: 'PARKED' }, parked],
        [{ status: 'DEAD' }, [...dead, ...discarded]],
        [{ status: 'SUCCEEDED' }, []],
        [{ deadReason: 'EXHAUSTED' }, dead],
        [{ deadReason: 'DISCARDED' }, discarded],
        [{ dedupeKey: 'r' }, refund],
        [{ ids: [notify[2]!, notify[0]!, 999_999] }, [notify[0]!, notify[2]!]],
        [{ ids: [] }, []],
        [{ redoTaskId: 'refund', status: 'PENDING' }, refund],
        [{ ids: notify, status: 'DEAD' }, []],
      ];
      for (const [filter, expected] of cases) {
        expect({ filter, ids: ids(await app.redo.list(filter)).reverse() }).toEqual({
          filter,
          ids: expected,
        });
        expect({ filter, count: await app.redo.count(filter) }).toEqual({ filter, count: expected.length });
      }
    });

    test('list by pages, 50 at a time or as many as are asked for', async () => {
      await start({ handlers: { notify: definition } });
      const added = ids(await app.redo.addRedoTasks('notify', range(120))).reverse();
      expect(ids(await app.redo.list())).toEqual(added.slice(0, 50));
      expect(ids(await app.redo.list({}, { before: added[49] }))).toEqual(added.slice(50, 100));
      expect(ids(await app.redo.list({}, { before: added[99] }))).toEqual(added.slice(100));
      expect(ids(await app.redo.list({}, { before: added[119] }))).toEqual([]);
      expect(ids(await app.redo.list({}, { limit: 1_000 }))).toEqual(added);
      expect(ids(await app.redo.list({ redoTaskId: 'notify' }, { limit: 7, before: added[9] }))).toEqual(
        added.slice(10, 17),
      );
      expect(await app.redo.count()).toBe(120);
    });

    test('know nothing of other applications', async () => {
      await start({ handlers: { notify: definition } });
      const other = await startOther({ handlers: { notify: definition }, applicationName: 'stock-service' });
      const { id } = await other.redo.addRedoTask('notify', 1);
      expect(await app.redo.get(id)).toBeNull();
      expect(await app.redo.list()).toEqual([]);
      expect(await app.redo.count({ ids: [id] })).toBe(0);
      expect((await other.redo.get(id))?.id).toBe(id);
    });
  });

  describe('stats', () => {
    test('tell what is waiting, running, stuck and dead, by type', async () => {
      const running = gate();
      await start({
        handlers: {
          idle: () => {},
          doomed,
          slow: () => running.passed,
          adds: definition,
          parkable: () => {},
        },
      });
      await deadTask();
      await parkedTask('parkable');
      await app.redo.addRedoTasks('adds', [1, 2], { delay: HOUR });
      const oldest = await app.redo.addRedoTask('adds', 3);
      await app.redo.pause('idle');
      await app.told('started', (await app.redo.addRedoTask('slow', 1)).id);

      const { types, workers } = await app.redo.stats();
      expect(workers).toBe(1);
      const nothing = {
        pending: 0,
        due: 0,
        oldestDue: null,
        running: 0,
        parked: 0,
        dead: 0,
        succeeded: 0,
        paused: false,
        hasHandler: true,
      };
      expect(types).toEqual([
        {
          ...nothing,
          redoTaskId: 'adds',
          pending: 3,
          due: 1,
          oldestDue: (await app.redo.get(oldest.id))?.nextExecTime,
          hasHandler: false,
        },
        { ...nothing, redoTaskId: 'doomed', dead: 1 },
        { ...nothing, redoTaskId: 'idle', paused: true },
        { ...nothing, redoTaskId: 'parkable', parked: 1 },
        { ...nothing, redoTaskId: 'slow', pending: 1, due: 1, oldestDue: expect.any(Date), running: 1 },
      ]);
      running.open();
      await app.told('succeeded');
    });

    test('count the succeeded where they are kept', async () => {
      await start({ handlers: { notify: () => {} }, options: { retention: { succeeded: HOUR } } });
      await app.redo.addRedoTasks('notify', range(5));
      await app.redo.redrive();
      expect((await app.redo.stats()).types).toMatchObject([
        { redoTaskId: 'notify', succeeded: 5, pending: 0 },
      ]);
    });
  });

  describe('workers', () => {
    test('shows every live instance: who it is, what it can run, holds and runs', async () => {
      const running = gate();
      await start({ handlers: { notify: () => running.passed, adds: definition } });
      await startOther({ handlers: { other: () => {} } });
      await startOther({ handlers: { notify: () => {} }, options: { worker: false } });
      const { id } = await app.redo.addRedoTask('notify', 1);
      await app.told('started', id);
      await others[0]!.redo.redrive();
      await addWorkerRow({
        handlers: ['x'],
        held: { x: [5, 6] },
        running: { x: [[7, 3]] },
        leaseUntil: Date.now() - HOUR,
      });

      const workers = await app.redo.workers();
      const of = (type: string) => workers.find(({ redoTaskIds }) => redoTaskIds[0] === type);
      expect(workers).toHaveLength(3);
      expect(of('notify')).toEqual({
        id: expect.stringMatching(/^[0-9a-f-]{36}$/),
        host: expect.any(String),
        pid: process.pid,
        startTime: expect.any(Date),
        leaseUntil: expect.any(Date),
        alive: true,
        redoTaskIds: ['notify'],
        held: [],
        running: [{ id, redoTaskId: 'notify', attempt: 1 }],
      });
      expect(of('other')).toMatchObject({ alive: true, held: [], running: [] });
      expect(of('x')).toMatchObject({
        alive: false,
        held: [
          { id: 5, redoTaskId: 'x' },
          { id: 6, redoTaskId: 'x' },
        ],
        running: [{ id: 7, redoTaskId: 'x', attempt: 3 }],
      });
      expect((await app.redo.stats()).workers).toBe(2);
      running.open();
      await app.told('succeeded', id);
    });

    test('is empty of an instance that has stopped', async () => {
      await start({ handlers: { adds: definition }, options: { worker: false } });
      const other = await startApp(schema, { handlers: { notify: () => {} } });
      await other.redo.redrive();
      expect(await app.redo.workers()).toHaveLength(1);
      await other.close();
      expect(await app.redo.workers()).toEqual([]);
    });
  });

  describe('retry', () => {
    test('gives a dead task all its attempts again, keeping its parameters and errors', async () => {
      let mended = false;
      const handle = () => (mended ? RedoResult.SUCCESS : RedoResult.failure('account closed'));
      const policy = { maxAttempts: 2, backoff: { type: 'fixed', delay: 0 } } as const;
      await start({ handlers: { notify: { policy, handle } } });
      const { id } = await app.redo.addRedoTask('notify', { order: 7 });
      await app.told('dead', id);

      expect(await app.redo.retry(id)).toBe(1);
      await app.redo.redrive();
      expect(app.all('dead')).toHaveLength(2);
      const again = await app.redo.get(id);
      expect(again).toMatchObject({
        status: 'DEAD',
        deadReason: 'EXHAUSTED',
        attempts: 2,
        params: { order: 7 },
      });
      expect(again?.errors.map(({ attempt }) => attempt)).toEqual([1, 2, 1, 2]);

      mended = true;
      expect(await app.redo.retry(id)).toBe(1);
      await app.told('succeeded', id);
    });

    test('shows a dead task as live: no end, no reason', async () => {
      await start({ handlers: { doomed } });
      const id = await deadTask();
      await app.redo.pause('doomed');
      expect(await app.redo.retry(id)).toBe(1);
      expect(await app.redo.get(id)).toMatchObject({
        status: 'PENDING',
        attempts: 0,
        deadReason: null,
        deadDetail: null,
        endTime: null,
        nextExecTime: expect.any(Date),
      });
    });

    test('of a discarded task that is held, not begun, gives it all its attempts: it begins with the first', async () => {
      const [before, between] = [gate(), gate()];
      const attempts: number[] = [];
      const handlers = {
        notify: (what: string, { attempt }: RedoContext) => {
          if (what === 'before') return before.passed;
          if (what === 'between') return between.passed;
          if (what === 'retried') attempts.push(attempt);
          return undefined;
        },
      };
      await start({ handlers, options: { concurrency: 1 } });
      await app.redo.pause('notify');
      await app.redo.redrive();
      // The engine holds what it will soon begin: quick ones first, so that it holds the last two together.
      const quick = range(30).map(() => 'quick');
      const added = await app.redo.addRedoTasks('notify', [...quick, 'before', 'between', 'retried']);
      const [first, second, retried] = ids(added.slice(30)) as [number, number, number];
      await schema.query('UPDATE tbl_redotask SET exec_times = 1 WHERE id = ?', [retried]);
      await app.redo.resume('notify');
      await app.told('started', first);
      before.open();
      await app.told('started', second);
      await app.redo.discard(retried, 'no need');
      await app.redo.retry(retried);
      between.open();
      await app.redo.redrive();
      expect(attempts).toEqual([1]);
    });

    test('makes a waiting task due now', async () => {
      await start({ handlers: { notify: () => {} } });
      const { id } = await app.redo.addRedoTask('notify', 1, { delay: HOUR });
      await app.redo.redrive();
      expect(await statusOf(id)).toBe('PENDING');
      expect(await app.redo.retry(id)).toBe(1);
      await app.told('succeeded', id);
    });

    test('makes a failed task due now, its attempts counted on', async () => {
      await start({
        handlers: {
          notify: {
            policy: { maxAttempts: 2, backoff: { type: 'fixed', delay: HOUR } },
            handle: () => RedoResult.BIZ_ERROR,
          },
        },
      });
      const { id } = await app.redo.addRedoTask('notify', 1);
      await app.told('failed', id);
      expect(await app.redo.retry(id)).toBe(1);
      expect(await app.told('dead', id)).toMatchObject({ attempts: 2 });
    });

    test('of an expired task gives it the time again that it once had', async () => {
      await start({ handlers: { notify: definition } });
      const { id } = await app.redo.addRedoTask('notify', 1, { expiresIn: HOUR });
      await passTime(schema, HOUR);
      const other = await startOther({ handlers: { notify: () => {} } });
      await other.told('dead', id);
      await app.redo.pause('notify');
      expect(await other.redo.retry(id)).toBe(1);
      const task = (await app.redo.get(id))!;
      expect(task).toMatchObject({ status: 'PENDING', attempts: 0, deadReason: null });
      expect(task.expiredDate!.getTime() - task.createTime.getTime()).toBe(HOUR);
      await app.redo.resume('notify');
      await other.redo.redrive();
      await other.told('succeeded', id);
    });

    test('by filter retries those, and says how many', async () => {
      await start({ handlers: { doomed, notify: definition } });
      const dead = [await deadTask(), await deadTask(), await deadTask()];
      const { id } = await app.redo.addRedoTask('notify', 1, { delay: HOUR });
      await app.redo.pause('doomed');
      expect(await app.redo.retry({ ids: dead.slice(0, 2) })).toBe(2);
      expect(await app.redo.count({ status: 'DEAD' })).toBe(1);
      expect(await app.redo.retry({ status: 'DEAD', redoTaskId: 'doomed' })).toBe(1);
      expect(await app.redo.retry({ deadReason: 'EXPIRED' })).toBe(0);
      expect((await app.redo.get(id))!.nextExecTime!.getTime()).toBeGreaterThan(Date.now() + HOUR / 2);
      expect(await app.redo.retry({})).toBe(4);
    });

    test('of nothing, or of a succeeded task, does nothing', async () => {
      await start({ handlers: { notify: () => {} }, options: { retention: { succeeded: HOUR } } });
      const { id } = await app.redo.addRedoTask('notify', 1);
      await app.told('succeeded', id);
      expect(await app.redo.retry(id)).toBe(0);
      expect(await app.redo.retry(999_999)).toBe(0);
      expect(await statusOf(id)).toBe('SUCCEEDED');
    });

    test('is refused where another live task has its dedupeKey meanwhile; by filter it is passed over', async () => {
      await start({ handlers: { doomed } });
      const first = await deadTask('order-7');
      const free = await deadTask('order-8');
      await app.redo.pause('doomed');
      const second = await app.redo.addRedoTask('doomed', 'second', { dedupeKey: 'order-7' });
      expect(second.created).toBe(true);

      const error = await app.redo.retry(first).catch((reason: Error) => reason);
      expect(error).toBeInstanceOf(RedoError);
      expect((error as Error).message).toBe(
        `redo: task ${first} can't be retried: another live task has its dedupeKey 'order-7'`,
      );
      expect(await app.redo.retry({ status: 'DEAD' })).toBe(1);
      expect(await statusOf(first)).toBe('DEAD');
      expect(await statusOf(free)).toBe('PENDING');

      await app.redo.discard(second.id, 'no');
      expect(await app.redo.retry(first)).toBe(1);
      expect(await app.redo.addRedoTask('doomed', 1, { dedupeKey: 'order-7' })).toEqual({
        id: first,
        created: false,
      });
    });

    test('by filter, of two dead tasks with one key, revives one', async () => {
      await start({ handlers: { doomed } });
      const both = [await deadTask('order-7'), await deadTask('order-7')];
      await app.redo.pause('doomed');
      expect(await app.redo.retry({ ids: both })).toBe(1);
      expect(await app.redo.count({ status: 'PENDING' })).toBe(1);
    });

    test('is picked up at once, also when another instance has the handler and redrives', async () => {
      await start({ handlers: { doomed: definition }, options: { worker: false } });
      const worker = await startOther({ handlers: { doomed } });
      const { id } = await worker.redo.addRedoTask('doomed', 1);
      await worker.told('dead', id);
      expect(await app.redo.retry(id)).toBe(1);
      expect(await worker.redo.redrive()).toMatchObject({ claimed: 1, dead: 1 });
    });
  });

  describe('discard', () => {
    test('ends a live task, with the reason, and it does not run any more', async () => {
      let calls = 0;
      await start({ handlers: { notify: () => void (calls += 1) } });
      const { id } = await app.redo.addRedoTask('notify', { a: 1 }, { delay: HOUR });
      expect(await app.redo.discard(id, 'the order was cancelled 🛑')).toBe(1);
      await schema.query('UPDATE tbl_redotask SET next_exec_time = 0');
      await app.redo.redrive();
      expect(calls).toBe(0);
      expect(await app.redo.get(id)).toMatchObject({
        status: 'DEAD',
        deadReason: 'DISCARDED',
        deadDetail: 'the order was cancelled 🛑',
        attempts: 0,
        params: { a: 1 },
        nextExecTime: null,
        endTime: expect.any(Date),
      });
    });

    test('ends parked tasks too, and leaves dead and succeeded ones as they are', async () => {
      await start({
        handlers: { doomed, parkable: () => {} },
        options: { retention: { succeeded: HOUR } },
      });
      const dead = await deadTask();
      const parked = await parkedTask('parkable');
      const { id: succeeded } = await app.redo.addRedoTask('parkable', 1);
      await app.told('succeeded', succeeded);
      expect(await app.redo.discard({}, 'spring cleaning')).toBe(1);
      expect(await app.redo.get(parked)).toMatchObject({ status: 'DEAD', deadDetail: 'spring cleaning' });
      expect(await app.redo.get(dead)).toMatchObject({
        deadReason: 'EXHAUSTED',
        deadDetail: 'account closed',
      });
      expect(await statusOf(succeeded)).toBe('SUCCEEDED');
      expect(await app.redo.discard(dead, 'again')).toBe(0);
      expect(await app.redo.discard(999_999, 'nothing')).toBe(0);
    });

    test('by filter ends those, and says how many', async () => {
      await start({ handlers: { notify: definition, refund: definition } });
      const notify = ids(await app.redo.addRedoTasks('notify', range(5)));
      await app.redo.addRedoTasks('refund', range(3));
      expect(await app.redo.discard({ ids: notify.slice(0, 2) }, 'two')).toBe(2);
      expect(await app.redo.discard({ redoTaskId: 'notify' }, 'the rest')).toBe(3);
      expect(await app.redo.count({ status: 'PENDING' })).toBe(3);
      expect(await app.redo.count({ deadReason: 'DISCARDED' })).toBe(5);
    });

    test('of a running task lets it finish: done if it succeeds', async () => {
      const running = gate();
      await start({ handlers: { notify: () => running.passed } });
      const { id } = await app.redo.addRedoTask('notify', 1);
      await app.told('started', id);
      expect(await app.redo.discard(id, 'no need')).toBe(1);
      running.open();
      await app.told('succeeded', id);
      expect(await app.redo.get(id)).toBeNull();
    });

    test('of a running task lets it finish: discarded for good if it fails', async () => {
      const running = gate();
      const handle = () => running.passed.then(() => RedoResult.BIZ_ERROR);
      await start({ handlers: { notify: { policy: { backoff: { type: 'fixed', delay: 0 } }, handle } } });
      const { id } = await app.redo.addRedoTask('notify', 1);
      await app.told('started', id);
      expect(await app.redo.discard(id, 'no need')).toBe(1);
      running.open();
      await app.redo.redrive();
      expect(await app.redo.get(id)).toMatchObject({
        status: 'DEAD',
        deadReason: 'DISCARDED',
        deadDetail: 'no need',
        worker: null,
      });
      expect(app.all('started')).toHaveLength(1);
    });

    test('of a task that is held, not begun: it is not begun', async () => {
      const ran: number[] = [];
      const blocked = gate();
      await start({
        handlers: {
          notify: (index: number) => {
            ran.push(index);
            return index === 30 ? blocked.passed : undefined;
          },
        },
        options: { concurrency: 2 },
      });
      await app.redo.pause('notify');
      await app.redo.redrive();
      // Two that block the slots come after some that are quick: the engine holds what it will soon begin.
      const order = [...range(30), 30, 30, ...range(20).map((index) => 100 + index)];
      const added = ids(await app.redo.addRedoTasks('notify', order));
      await app.redo.resume('notify');
      await app.told('started', added[31]);
      const waiting = await app.redo.list({ status: 'PENDING' }, { limit: 1_000 });
      const notBegun = waiting.filter(({ worker }) => worker?.state !== 'RUNNING');
      await app.redo.discard({ ids: ids(notBegun) }, 'too late');
      blocked.open();
      await app.redo.redrive();
      expect(ran.filter((index) => index >= 100)).toEqual([]);
      expect(await app.redo.count({ deadReason: 'DISCARDED' })).toBe(20);
    });
  });

  describe('retry and discard of 1,200 tasks', () => {
    test('go in chunks, each a short transaction of its own', async () => {
      await start({ handlers: { notify: definition, refund: definition } });
      await app.redo.addRedoTasks('notify', range(1_200));
      await app.redo.addRedoTasks('refund', range(3));
      const updates = () => log.count(/^UPDATE tbl_redotask\b/);
      log.clear();
      expect(await app.redo.discard({ redoTaskId: 'notify' }, 'a bad day')).toBe(1_200);
      expect(updates()).toBe(3);
      expect(await app.redo.count({ deadReason: 'DISCARDED', redoTaskId: 'notify' })).toBe(1_200);
      expect(await app.redo.count({ status: 'PENDING' })).toBe(3);

      log.clear();
      expect(await app.redo.retry({ deadReason: 'DISCARDED' })).toBe(1_200);
      // One for those whose expiry has passed, one for all.
      expect(updates()).toBe(6);
      expect(await app.redo.count({ status: 'PENDING' })).toBe(1_203);
    });
  });

  describe('pause and resume', () => {
    test('hold also for what another instance has claimed: none of it begins afterwards', async () => {
      const ran: number[] = [];
      const blocked = gate();
      const handlers = {
        notify: (index: number) => {
          ran.push(index);
          return index === 30 ? blocked.passed : undefined;
        },
      };
      await start({ handlers, options: { worker: false } });
      const other = await startOther({ handlers, options: { concurrency: 2 } });
      await app.redo.pause('notify');
      await other.redo.redrive();
      const order = [...range(30), 30, 30, ...range(20).map((index) => 100 + index)];
      const added = ids(await app.redo.addRedoTasks('notify', order));
      await app.redo.resume('notify');
      const passed = other.redo.redrive();
      for (const id of added.slice(30, 32)) await other.told('started', id);
      await app.redo.pause('notify');
      blocked.open();
      await passed;
      expect(ran).toHaveLength(32);
      await app.redo.resume('notify');
      await other.redo.redrive();
      expect(ran).toHaveLength(52);
    });

    test('hold for what is claimed just then: nothing of it begins', async () => {
      const ran: number[] = [];
      await start({ handlers: { notify: (index: number) => void ran.push(index) } });
      const steersOnly = await startOther({ handlers: { notify: definition }, options: { worker: false } });
      await app.redo.redrive();
      const database = app.nest.get<Database>(REDO_DATABASE, { strict: false });
      const read = database.read.bind(database);
      // Between the COMMIT of the claim and the reading of what it took.
      const reading = jest.spyOn(database, 'read').mockImplementationOnce(async (work, within) => {
        await steersOnly.redo.pause('notify');
        return read(work, within);
      });
      await app.redo.addRedoTasks('notify', range(2));
      await waitFor(() => reading.mock.calls.length > 1, { what: 'it to be read again' });
      await app.redo.redrive();
      expect(ran).toEqual([]);
      await steersOnly.redo.resume('notify');
      await app.redo.redrive();
      expect(ran).toEqual([0, 1]);
    });

    test('hold for all instances', async () => {
      const ran: string[] = [];
      const handlers = { notify: () => void ran.push('notify'), refund: () => void ran.push('refund') };
      await start({ handlers });
      const other = await startOther({ handlers });
      expect(await app.redo.pause('notify')).toBe(true);
      await Promise.all([app, other].map(({ redo }) => redo.redrive()));
      await Promise.all([app, other].map(({ redo }) => redo.addRedoTasks('notify', range(5))));
      await app.told('succeeded', (await app.redo.addRedoTask('refund', 1)).id);
      await Promise.all([app, other].map(({ redo }) => redo.redrive()));
      expect(ran).toEqual(['refund']);
      expect(await other.redo.count({ redoTaskId: 'notify', status: 'PENDING' })).toBe(10);
      expect((await other.redo.stats()).types).toMatchObject([{ paused: true }, { paused: false }]);

      expect(await other.redo.resume('notify')).toBe(true);
      await other.redo.redrive();
      expect(ran.filter((type) => type === 'notify')).toHaveLength(10);
      expect((await app.redo.stats()).types).toMatchObject([{ paused: false }, { paused: false }]);
    });

    test('a resumed type is taken by the next pass of an instance that saw it paused', async () => {
      await start({ handlers: { notify: () => {} } });
      const steersOnly = await startOther({ handlers: { notify: definition }, options: { worker: false } });
      await steersOnly.redo.pause('notify');
      const { id } = await app.redo.addRedoTask('notify', 1);
      expect(await app.redo.redrive()).toMatchObject({ claimed: 0 });
      await steersOnly.redo.resume('notify');
      expect(await app.redo.redrive()).toMatchObject({ claimed: 1, succeeded: 1 });
      expect(await app.redo.get(id)).toBeNull();
    });

    test('a pass right after resume takes what waited', async () => {
      await start({ handlers: { notify: () => {} } });
      for (let round = 0; round < 5; round += 1) {
        await app.redo.pause('notify');
        await app.redo.addRedoTask('notify', 1);
        await app.redo.redrive();
        expect(await app.redo.count()).toBe(1);
        await app.redo.resume('notify');
        await app.redo.redrive();
        expect(await app.redo.count()).toBe(0);
      }
    });

    test('tell whether they changed anything', async () => {
      await start({ handlers: { notify: () => {} } });
      expect(await app.redo.pause('notify')).toBe(true);
      expect(await app.redo.pause('notify')).toBe(false);
      expect(await app.redo.resume('notify')).toBe(true);
      expect(await app.redo.resume('notify')).toBe(false);
    });

    test('a running task goes on', async () => {
      const running = gate();
      await start({ handlers: { notify: () => running.passed } });
      const { id } = await app.redo.addRedoTask('notify', 1);
      await app.told('started', id);
      await app.redo.pause('notify');
      running.open();
      await app.told('succeeded', id);
    });

    test('hold for this application alone, and over a restart', async () => {
      await start({ handlers: { notify: () => {} } });
      await app.redo.pause('notify');
      const stock = await startOther({ handlers: { notify: () => {} }, applicationName: 'stock-service' });
      await stock.told('succeeded', (await stock.redo.addRedoTask('notify', 1)).id);
      await app.close();
      await start({ handlers: { notify: () => {} } });
      await app.redo.addRedoTask('notify', 1);
      expect(await app.redo.redrive()).toMatchObject({ claimed: 0 });
    });

    test('know the types of other instances; an unknown one is an error that lists the known', async () => {
      await start({ handlers: { notify: () => {} } });
      const other = await startOther({ handlers: { refund: () => {} } });
      await other.redo.redrive();
      expect(await app.redo.pause('refund')).toBe(true);
      expect(await app.redo.resume('refund')).toBe(true);
      for (const steer of ['pause', 'resume'] as const) {
        const error = await app.redo[steer]('refnd').catch((reason: Error) => reason);
        expect(error).toBeInstanceOf(UnknownTaskTypeError);
        expect((error as Error).message).toBe(
          "redo: no handler for task type 'refnd'; registered: notify, refund",
        );
      }
    });
  });

  describe('redrive', () => {
    test('is one pass now: resolves when all that was due is settled, and tells what it did', async () => {
      await start({
        handlers: {
          succeeds: () => {},
          fails: () => RedoResult.BIZ_ERROR,
          waits: () => RedoResult.retryAfter(HOUR),
          doomed,
          parkable: () => {},
        },
      });
      await app.redo.redrive();
      // As other processes would leave them: nobody here has been told.
      for (const [type, count] of Object.entries({
        succeeds: 25,
        fails: 3,
        waits: 2,
        doomed: 4,
        parkable: 1,
      }))
        for (let row = 0; row < count; row += 1)
          await schema.query(
            `INSERT INTO tbl_redotask (redo_task_id, application_name, max_attempts, req_param) VALUES (?, ?, ?, ?)`,
            [type, APPLICATION, type === 'doomed' ? 1 : 5, type === 'parkable' ? '{' : '{"params":1}'],
          );
      expect(await app.redo.redrive()).toEqual({
        claimed: 35,
        succeeded: 25,
        failed: 3,
        postponed: 2,
        dead: 4,
        parked: 1,
      });
      expect(await app.redo.count()).toBe(10);
      expect(await app.redo.redrive()).toEqual({
        claimed: 0,
        succeeded: 0,
        failed: 0,
        postponed: 0,
        dead: 0,
        parked: 0,
      });
    });

    test('takes what was committed before it, whatever the engine does just then', async () => {
      await start({ handlers: { notify: () => {} } });
      for (const round of range(30)) {
        await schema.query(
          `INSERT INTO tbl_redotask (redo_task_id, application_name, req_param) VALUES ('notify', ?, '{"params":1}')`,
          [APPLICATION],
        );
        const noise = app.redo.addRedoTask('notify', round);
        await app.redo.redrive();
        await noise;
        await app.redo.redrive();
        expect(await app.redo.count()).toBe(0);
      }
    });

    test('on an instance with worker: false is an error that says so', async () => {
      await start({ handlers: { notify: () => {} }, options: { worker: false } });
      const { id } = await app.redo.addRedoTask('notify', 1);
      await expect(app.redo.redrive()).rejects.toThrow(
        'redo: this instance does not redrive (option worker: false); call redrive() on one that does',
      );
      expect(await statusOf(id)).toBe('PENDING');
      expect((await app.redo.get(id))?.hasHandler).toBe(false);
    });

    test('after the application was closed is an error', async () => {
      await start({ handlers: { notify: () => {} } });
      await app.close();
      await expect(app.redo.redrive()).rejects.toThrow(RedoError);
    });
  });

  describe('what is asked wrongly', () => {
    test.each([0, -1, 1.5, NaN, '7', null, undefined, 2 ** 53, 12n])(
      'the id %p is refused, naming it',
      async (id) => {
        await start({ handlers: { notify: definition } });
        const { id: live } = await app.redo.addRedoTask('notify', 1);
        for (const call of [
          () => app.redo.get(id as number),
          () => app.redo.retry(id as number),
          () => app.redo.discard(id as number, 'no'),
        ]) {
          const error = await Promise.resolve()
            .then<unknown>(call)
            .then(String, (reason: Error) => reason);
          expect(error).toBeInstanceOf(InvalidRedoTaskError);
          expect((error as Error).message).toMatch(/^redo: (the task id|filter) is .+; allowed: /);
        }
        expect(await statusOf(live)).toBe('PENDING');
      },
    );

    const statuses = "'PENDING', or 'PARKED', or 'DEAD', or 'SUCCEEDED'";
    test.each<[unknown, string]>([
      [{ status: 'WAITING' }, `filter.status is 'WAITING'; allowed: ${statuses}`],
      [{ status: ['DEAD'] }, `filter.status is [ 'DEAD' ]; allowed: ${statuses}`],
      [
        { deadReason: 'DEAD' },
        "filter.deadReason is 'DEAD'; allowed: 'EXHAUSTED', or 'EXPIRED', or 'DISCARDED'",
      ],
      [{ redoTaskId: '' }, "filter.redoTaskId is ''; allowed: "],
      // A condition that got lost must not widen it to every task.
      [{ redoTaskId: undefined }, 'filter.redoTaskId is undefined; allowed: '],
      [{ redoTaskId: 'x'.repeat(65) }, 'filter.redoTaskId is '],
      [{ ids: 5 }, 'filter.ids is 5; allowed: an array of at most 10,000 ids'],
      [{ ids: [1, '2'] }, 'filter.ids is '],
      [{ ids: range(10_001).map((index) => index + 1) }, 'filter.ids is '],
      [{ dedupeKey: 7 }, 'filter.dedupeKey is 7; allowed: '],
      [
        { type: 'notify' },
        "filter has no option 'type'; allowed: ids, redoTaskId, status, deadReason, dedupeKey",
      ],
      [{ toString: 'notify' }, "filter has no option 'toString'"],
      [[], 'filter is []; allowed: an object'],
      // Without keys of their own: not every task either.
      [Promise.resolve({ status: 'DEAD' }), 'filter is Promise '],
      [new Map([['status', 'DEAD']]), 'filter is Map'],
      ['DEAD', 'is '],
    ])('the filter %j is refused, naming key, value and what is allowed', async (filter, message) => {
      await start({ handlers: { notify: definition } });
      const { id } = await app.redo.addRedoTask('notify', 1);
      const wrong = filter as RedoTaskFilter;
      for (const call of [
        () => app.redo.list(wrong),
        () => app.redo.count(wrong),
        () => app.redo.retry(wrong),
        () => app.redo.discard(wrong, 'no'),
      ]) {
        const error = await call().then(String, (reason: Error) => reason);
        expect(error).toBeInstanceOf(InvalidRedoTaskError);
        expect((error as Error).message).toContain(message);
      }
      expect(await statusOf(id)).toBe('PENDING');
    });

    test.each<[unknown, string]>([
      [{ limit: 0 }, 'page.limit is 0; allowed: an integer from 1 to 1000'],
      [{ limit: 1_001 }, 'page.limit is 1001'],
      [{ limit: '10' }, "page.limit is '10'"],
      [{ before: -1 }, 'page.before is -1'],
      [{ after: 5 }, "page has no option 'after'; allowed: limit, before"],
    ])('the page %j is refused', async (page, message) => {
      await start({});
      await expect(app.redo.list({}, page as object)).rejects.toThrow(message);
    });

    test.each([undefined, '', '  ', 7, 'x'.repeat(1_001)])(
      'the reason %p of a discard is refused',
      async (reason) => {
        await start({ handlers: { notify: definition } });
        const { id } = await app.redo.addRedoTask('notify', 1);
        await expect(app.redo.discard(id, reason as string)).rejects.toThrow(
          /redo: reason is .+; allowed: a string of 1 to 1,000 characters/s,
        );
        expect(await rowOf(schema, id)).toMatchObject({ status: 'PENDING' });
      },
    );

    test('a reason of 1,000 characters is kept', async () => {
      await start({ handlers: { notify: definition } });
      const { id } = await app.redo.addRedoTask('notify', 1);
      await app.redo.discard(id, '🛑'.repeat(1_000));
      expect((await app.redo.get(id))?.deadDetail).toBe('🛑'.repeat(1_000));
    });
  });
});
