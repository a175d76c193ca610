import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { RedoResult } from 'nestjs-redo';
import { forEachDatabase } from '../support/databases.js';
import {
  APPLICATION,
  createRedoDatabase,
  rowOf,
  startApp,
  type TestApp,
  type TestAppOptions,
} from '../support/redo-app.js';
import { type TestDatabase } from '../support/test-database.js';

forEachDatabase((database) => {
  let schema: TestDatabase;
  let app: TestApp;
  /** The first look at the database is over: what is inserted now waits for `redrive()`. */
  const start = async (settings: TestAppOptions) => {
    app = await startApp(schema, settings);
    await app.redo.redrive();
  };
  /** A row as somebody may leave it there; due at once. */
  const insert = async (columns: Record<string, string | number | null>): Promise<number> => {
    const row = { redo_task_id: 'notify', application_name: APPLICATION, max_attempts: 3, ...columns };
    const names = Object.keys(row);
    await schema.query(
      `INSERT INTO tbl_redotask (${names.join(', ')}) VALUES (${names.map(() => '?').join(', ')})`,
      Object.values(row),
    );
    const [last] = await schema.query<{ id: number }>('SELECT MAX(id) AS id FROM tbl_redotask');
    return last!.id;
  };

  beforeAll(async () => {
    schema = await createRedoDatabase(database);
  });
  afterEach(async () => {
    await app.close();
    await schema.query('DELETE FROM tbl_redotask');
  });
  afterAll(() => schema.drop());

  describe('a row whose parameters can’t be decoded', () => {
    const CORRUPT = [
      '{"params":',
      '',
      'hello',
      '{"x":1}',
      'null',
      '[1]',
      '"params"',
      '{"params":{"a":1}} trailing',
      '\u{1f4a5}',
    ];

    test('is parked with the decode error, costs no attempt, and the engine goes on with the others', async () => {
      const ran: unknown[] = [];
      await start({ handlers: { notify: (params: unknown) => void ran.push(params) } });
      const bad: number[] = [];
      for (const [index, req_param] of CORRUPT.entries()) {
        bad.push(await insert({ req_param, exec_times: index % 3 }));
        await insert({ req_param: `{"params":${index}}` });
      }
      const pass = await app.redo.redrive();
      expect(pass).toMatchObject({ parked: CORRUPT.length, succeeded: CORRUPT.length, dead: 0 });
      expect(ran.sort()).toEqual(CORRUPT.map((_, index) => index));

      const parked = await app.redo.list({ status: 'PARKED' });
      expect(parked.map(({ id }) => id).reverse()).toEqual(bad);
      for (const [index, task] of [...parked].reverse().entries()) {
        expect(task).toMatchObject({
          status: 'PARKED',
          attempts: index % 3,
          params: undefined,
          reqParam: CORRUPT[index],
          worker: null,
          deadReason: null,
        });
        expect(task.errors).toHaveLength(1);
        expect(task.errors[0]!.message).toMatch(/JSON|params/);
        expect(app.all('parked').find(({ id }) => id === task.id)).toEqual({
          id: task.id,
          redoTaskId: 'notify',
          error: task.errors[0]!.message,
        });
      }
      expect(await app.redo.redrive()).toMatchObject({ claimed: 0 });
    });

    test('is un-parked by `retry`: parked again while it is corrupt, run once it is mended', async () => {
      const ran: unknown[] = [];
      await start({ handlers: { notify: (params: unknown) => void ran.push(params) } });
      const id = await insert({ req_param: '{"params":{"a":1}', exec_times: 2 });
      await app.redo.redrive();
      expect((await app.redo.get(id))?.status).toBe('PARKED');

      expect(await app.redo.retry(id)).toBe(1);
      await app.redo.redrive();
      expect(await app.redo.get(id)).toMatchObject({ status: 'PARKED', attempts: 0, errors: [{}, {}] });

      await schema.query(`UPDATE tbl_redotask SET req_param = '{"params":{"a":1}}' WHERE id = ?`, [id]);
      expect(await app.redo.retry({ status: 'PARKED' })).toBe(1);
      await app.told('succeeded', id);
      expect(ran).toEqual([{ a: 1 }]);
    });

    test('NULL is no parameters: the handler is given null', async () => {
      const ran: unknown[] = [];
      await start({ handlers: { notify: (params: unknown) => void ran.push(params) } });
      const id = await insert({ req_param: null });
      expect(await app.redo.get(id)).toMatchObject({ status: 'PENDING', params: null, reqParam: null });
      await app.redo.redrive();
      await app.told('succeeded', id);
      expect(ran).toEqual([null]);
    });
  });

  describe('a row with odd limits', () => {
    const notify = {
      policy: { maxAttempts: 9, backoff: { type: 'fixed', delay: 3_600_000 } },
      handle: () => RedoResult.BIZ_ERROR,
    } as const;
    const req_param = '{"params":1}';

    test('max_attempts at or below exec_times: dead, EXHAUSTED, not run again; the others go on', async () => {
      let calls = 0;
      await start({ handlers: { notify: () => void (calls += 1) } });
      const ids = [
        await insert({ req_param, max_attempts: 3, exec_times: 3 }),
        await insert({ req_param, max_attempts: 3, exec_times: 8 }),
        await insert({ req_param, max_attempts: -1 }),
      ];
      await insert({ req_param, max_attempts: 3, exec_times: 2 });
      expect(await app.redo.redrive()).toMatchObject({ dead: 3, succeeded: 1 });
      expect(calls).toBe(1);
      for (const [index, attempts] of [3, 8, 0].entries())
        expect(await app.redo.get(ids[index]!)).toMatchObject({
          status: 'DEAD',
          deadReason: 'EXHAUSTED',
          attempts,
          params: 1,
        });
      // A person's retry gives all attempts again.
      expect(await app.redo.retry(ids[1]!)).toBe(1);
      await app.told('succeeded', ids[1]);
    });

    test.each([
      [{ max_attempts: null }, null],
      [{ max_attempts: 0 }, null],
      [{ max_attempts: 3, try_forever: '1' }, null],
      [{ max_attempts: 3, try_forever: '0' }, 3],
      [{ max_attempts: 3, try_forever: null }, 3],
      [{ max_attempts: 3, try_forever: '' }, 3],
      [{ max_attempts: 3, try_forever: 'y' }, 3],
      [{ max_attempts: 3, try_forever: 'null' }, 3],
    ])('%j has the limit %p', async (columns, maxAttempts) => {
      await start({ handlers: { notify } });
      const id = await insert({ req_param, ...columns, exec_times: 1 });
      expect((await app.redo.get(id))?.maxAttempts).toBe(maxAttempts);
      await app.redo.redrive();
      expect(await app.redo.get(id)).toMatchObject({ status: 'PENDING', attempts: 2 });
    });

    test('errors that somebody spoilt count as none', async () => {
      await start({ handlers: { notify } });
      const ids = [];
      for (const errors of ['{', '{}', 'null', '[1, null, "x"]', '[{"message":5}]'])
        ids.push(await insert({ req_param, errors }));
      await app.redo.redrive();
      for (const id of ids)
        expect((await app.redo.get(id))?.errors).toMatchObject([{ attempt: 1, message: 'BIZ_ERROR' }]);
    });
  });

  describe('a row of a type that nobody handles', () => {
    test('is left untouched, and shown as having no handler', async () => {
      await start({ handlers: { notify: () => {}, known: {} } });
      const unknown = await insert({ redo_task_id: 'of.a.newer.version', req_param: '{', exec_times: 7 });
      const known = (await app.redo.addRedoTask('known', 1)).id;
      const handled = (await app.redo.addRedoTask('notify', 1, { delay: 3_600_000 })).id;
      const before = await rowOf(schema, unknown);
      expect(await app.redo.redrive()).toMatchObject({ claimed: 0 });
      expect(await rowOf(schema, unknown)).toEqual(before);

      expect(await app.redo.get(unknown)).toMatchObject({
        status: 'PENDING',
        hasHandler: false,
        attempts: 7,
      });
      expect(await app.redo.get(known)).toMatchObject({ hasHandler: false });
      expect(await app.redo.get(handled)).toMatchObject({ hasHandler: true });
      const { types } = await app.redo.stats();
      expect(types.map(({ redoTaskId, hasHandler, due }) => [redoTaskId, hasHandler, due])).toEqual([
        ['known', false, 1],
        ['notify', true, 0],
        ['of.a.newer.version', false, 1],
      ]);
    });

    test('is run once an instance has its handler', async () => {
      await start({ handlers: { notify: () => {} } });
      const id = await insert({ redo_task_id: 'newer', req_param: '{"params":1}' });
      await app.redo.redrive();
      expect((await app.redo.get(id))?.hasHandler).toBe(false);
      const later = (await app.redo.addRedoTask('notify', 1, { delay: 3_600_000 })).id;
      await schema.query(`UPDATE tbl_redotask SET redo_task_id = 'newer' WHERE id = ?`, [later]);
      const newer = await startApp(schema, { handlers: { newer: () => {} } });
      await newer.told('succeeded', id);
      expect((await app.redo.get(later))?.hasHandler).toBe(true);
      await newer.close();
      expect((await app.redo.get(later))?.hasHandler).toBe(false);
    });

    test('of another application is nobody’s business here', async () => {
      await start({ handlers: { notify: () => {} } });
      const id = await insert({ application_name: 'stock-service', req_param: '{"params":1}' });
      const nobodys = await insert({ application_name: null, req_param: '{"params":1}' });
      expect(await app.redo.redrive()).toMatchObject({ claimed: 0 });
      for (const each of [id, nobodys]) {
        expect(await app.redo.get(each)).toBeNull();
        expect(await app.redo.retry(each)).toBe(0);
        expect(await app.redo.discard(each, 'no')).toBe(0);
      }
      expect(await app.redo.list()).toEqual([]);
      expect(await rowOf(schema, id)).toMatchObject({ status: 'PENDING' });
    });
  });

  describe('what somebody deleted by hand', () => {
    test('a lock row is created again', async () => {
      await start({ handlers: { notify: () => {} } });
      await app.redo.redrive();
      await schema.query('DELETE FROM tbl_pessimistic_lock');
      const [task] = await app.redo.addRedoTasks('notify', [1, 2]);
      await app.told('succeeded', task!.id);
      expect(await schema.query('SELECT resource FROM tbl_pessimistic_lock')).toEqual([
        { resource: `nestjs-redo:${APPLICATION}` },
      ]);
    });

    test('a task is gone, also while it runs', async () => {
      let release = () => {};
      const handle = () => new Promise<void>((resolve) => (release = resolve));
      await start({ handlers: { notify: handle, other: () => {} } });
      const { id } = await app.redo.addRedoTask('notify', 1);
      await app.told('started', id);
      await schema.query('DELETE FROM tbl_redotask WHERE id = ?', [id]);
      release();
      await app.told('succeeded', (await app.redo.addRedoTask('other', 1)).id);
      expect(await app.redo.count()).toBe(0);
      expect(app.all('trouble')).toEqual([]);
    });
  });
});
