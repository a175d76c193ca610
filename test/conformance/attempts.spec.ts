import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { type RedoContext, RedoResult } from 'nestjs-redo';
import { forEachDatabase } from '../support/databases.js';
import {
  createRedoDatabase,
  passTime,
  rowOf,
  startApp,
  type TestApp,
  type TestAppOptions,
} from '../support/redo-app.js';
import { type TestDatabase } from '../support/test-database.js';

forEachDatabase((database) => {
  let schema: TestDatabase;
  let app: TestApp;
  const start = async (settings: TestAppOptions) => (app = await startApp(schema, settings));

  beforeAll(async () => {
    schema = await createRedoDatabase(database);
  });
  afterEach(async () => {
    await app.close();
    await schema.query('DELETE FROM tbl_redotask');
  });
  afterAll(() => schema.drop());

  describe('an attempt', () => {
    test('that returns nothing or SUCCESS has succeeded, and the row is deleted', async () => {
      await start({ handlers: { nothing: () => {}, success: () => RedoResult.SUCCESS } });
      const one = await app.redo.addRedoTask('nothing', {});
      const other = await app.redo.addRedoTask('success', {});
      await app.redo.redrive();
      expect(await app.redo.get(one.id)).toBeNull();
      expect(await app.redo.get(other.id)).toBeNull();
      expect(await app.redo.count()).toBe(0);
    });

    test('that throws, returns a failure or BIZ_ERROR has failed and is repeated after its back-off', async () => {
      const policy = { maxAttempts: 5, backoff: { type: 'fixed', delay: 3_600_000 } } as const;
      await start({
        handlers: {
          throws: { policy, handle: () => Promise.reject(new Error('partner is down')) },
          fails: { policy, handle: () => RedoResult.failure('not yet') },
          bizError: { policy, handle: () => RedoResult.BIZ_ERROR },
        },
      });
      for (const [type, message] of [
        ['throws', 'partner is down'],
        ['fails', 'not yet'],
        ['bizError', 'BIZ_ERROR'],
      ] as const) {
        const { id } = await app.redo.addRedoTask(type, {});
        await app.told('failed', id);
        const task = await app.redo.get(id);
        expect(task).toMatchObject({ status: 'PENDING', attempts: 1, maxAttempts: 5, worker: null });
        expect(task?.errors).toMatchObject([{ attempt: 1, message }]);
        expect(task!.nextExecTime!.getTime() - task!.errors[0]!.time.getTime()).toBeGreaterThan(3_500_000);
        await passTime(schema, 3_600_000);
        await app.redo.redrive();
        expect((await app.redo.get(id))?.attempts).toBe(2);
      }
    });

    test('that is the last one of maxAttempts leaves the task dead, EXHAUSTED, with everything to look at', async () => {
      await start({
        handlers: {
          never: {
            policy: { maxAttempts: 3, backoff: { type: 'fixed', delay: 0 } },
            handle: () => Promise.reject(new Error('account closed')),
          },
        },
      });
      const { id } = await app.redo.addRedoTask('never', { account: 7 });
      const dead = await app.told('dead', id);
      expect(dead).toEqual({
        id,
        redoTaskId: 'never',
        reason: 'EXHAUSTED',
        detail: 'account closed',
        attempts: 3,
      });
      const task = await app.redo.get(id);
      expect(task).toMatchObject({
        status: 'DEAD',
        deadReason: 'EXHAUSTED',
        deadDetail: 'account closed',
        attempts: 3,
        params: { account: 7 },
        nextExecTime: null,
      });
      expect(task?.errors.map(({ attempt }) => attempt)).toEqual([1, 2, 3]);
      expect(task?.errors[0]?.stack).toContain('account closed');
      expect(task?.errors[0]?.host).not.toBe('');
      await passTime(schema, 24 * 3_600_000);
      expect(await app.redo.redrive()).toMatchObject({ claimed: 0 });
    });

    test('of a task that is tried for ever is followed by another, whatever maxAttempts says', async () => {
      await start({
        handlers: {
          stubborn: {
            policy: { maxAttempts: 2, tryForever: true, backoff: { type: 'fixed', delay: 3_600_000 } },
            handle: () => RedoResult.BIZ_ERROR,
          },
        },
      });
      const { id } = await app.redo.addRedoTask('stubborn', {});
      await app.told('failed', id);
      for (let attempt = 2; attempt <= 12; attempt += 1) {
        await passTime(schema, 3_600_000);
        await app.redo.redrive();
      }
      const task = await app.redo.get(id);
      expect(task).toMatchObject({ status: 'PENDING', attempts: 12, maxAttempts: null });
      expect(task?.errors.map(({ attempt }) => attempt)).toEqual([3, 4, 5, 6, 7, 8, 9, 10, 11, 12]);
    });

    test('that asks for retryAfter costs nothing and comes again after that time', async () => {
      let calls = 0;
      await start({
        handlers: {
          later: {
            policy: { maxAttempts: 1 },
            handle: () => ((calls += 1) === 1 ? RedoResult.retryAfter(60_000) : RedoResult.SUCCESS),
          },
        },
      });
      const { id } = await app.redo.addRedoTask('later', {});
      await app.told('postponed', id);
      expect(await app.redo.get(id)).toMatchObject({ status: 'PENDING', attempts: 0 });
      await app.redo.redrive();
      expect(calls).toBe(1);
      await passTime(schema, 60_000);
      await app.redo.redrive();
      expect(calls).toBe(2);
      expect(await app.redo.get(id)).toBeNull();
    });

    test('that asks for retryAfter past the expiry is ended at the expiry', async () => {
      await start({ handlers: { later: () => RedoResult.retryAfter(3_600_000) } });
      const { id } = await app.redo.addRedoTask('later', {}, { expiresIn: 60_000 });
      await app.told('postponed', id);
      await passTime(schema, 60_000);
      await app.redo.redrive();
      expect(await app.redo.get(id)).toMatchObject({ status: 'DEAD', deadReason: 'EXPIRED', attempts: 0 });
    });

    test('that discards leaves the task dead, DISCARDED, with the reason', async () => {
      await start({ handlers: { stale: () => RedoResult.discard('the order was cancelled') } });
      const { id } = await app.redo.addRedoTask('stale', { a: 1 });
      await app.told('dead', id);
      expect(await app.redo.get(id)).toMatchObject({
        status: 'DEAD',
        deadReason: 'DISCARDED',
        deadDetail: 'the order was cancelled',
        attempts: 1,
        params: { a: 1 },
      });
    });

    test('that outlasts its timeout has failed, and its signal is aborted', async () => {
      let signal: AbortSignal | undefined;
      await start({
        handlers: {
          slow: {
            policy: { timeout: 20, maxAttempts: 1 },
            handle: (_: never, context: RedoContext) => {
              signal = context.signal;
              return new Promise(() => {});
            },
          },
        },
      });
      const { id } = await app.redo.addRedoTask('slow', {});
      await app.told('dead', id);
      expect(signal?.aborted).toBe(true);
      expect((await app.redo.get(id))?.errors).toMatchObject([{ message: 'timed out after 20 ms' }]);
    });

    test('is told what it is: id, type, attempt, limits and the last error', async () => {
      const seen: RedoContext[] = [];
      await start({
        handlers: {
          curious: {
            policy: { maxAttempts: 4, backoff: { type: 'fixed', delay: 0 } },
            handle: (_: never, context: RedoContext) => {
              seen.push(context);
              if (context.attempt < 3) throw new Error(`attempt ${context.attempt}`);
            },
          },
        },
      });
      const { id } = await app.redo.addRedoTask('curious', {}, { expiresIn: 3_600_000 });
      await app.told('succeeded', id);
      expect(seen.map(({ attempt, lastError }) => [attempt, lastError?.message])).toEqual([
        [1, undefined],
        [2, 'attempt 1'],
        [3, 'attempt 2'],
      ]);
      expect(seen[0]).toMatchObject({ id, redoTaskId: 'curious', maxAttempts: 4 });
      expect(seen[0]!.expiredDate!.getTime() - seen[0]!.createTime.getTime()).toBe(3_600_000);
    });
  });

  describe('an expired task', () => {
    test('is never begun and ends dead, EXPIRED, with its attempts kept', async () => {
      let calls = 0;
      await start({
        handlers: {
          brief: {
            policy: { backoff: { type: 'fixed', delay: 10_000 } },
            handle: () => {
              calls += 1;
              return RedoResult.BIZ_ERROR;
            },
          },
        },
      });
      const { id } = await app.redo.addRedoTask('brief', { a: 1 }, { expiresIn: 60_000, tryForever: true });
      await app.told('failed', id);
      await passTime(schema, 60_000);
      await app.redo.redrive();
      expect(calls).toBe(1);
      expect(await app.redo.get(id)).toMatchObject({
        status: 'DEAD',
        deadReason: 'EXPIRED',
        attempts: 1,
        params: { a: 1 },
      });
    });

    test('that waits for a later attempt is ended at its expiry, not at that attempt', async () => {
      await start({
        handlers: {
          brief: {
            policy: { backoff: { type: 'fixed', delay: 86_400_000 } },
            handle: () => RedoResult.BIZ_ERROR,
          },
        },
      });
      const { id } = await app.redo.addRedoTask('brief', {}, { expiresIn: 60_000 });
      await app.told('failed', id);
      const row = await rowOf(schema, id);
      expect(row?.['next_exec_time']).toBe(row?.['expire_time']);
      await passTime(schema, 60_000);
      await app.redo.redrive();
      expect(await app.redo.get(id)).toMatchObject({ status: 'DEAD', deadReason: 'EXPIRED' });
    });
  });
});
