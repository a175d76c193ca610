import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { type RedoContext, RedoResult } from 'nestjs-redo';
import { forEachJavaServer } from '../support/databases.js';
import { migrate, passTime, startApp, type TestApp } from '../support/redo-app.js';
import { addSeedTasks, createSeedTables, SEED_TASKS, type SeedTask } from '../support/seed-tables.js';
import { type TestDatabase } from '../support/test-database.js';
import { waitFor } from '../support/wait-for.js';

forEachJavaServer((database) => {
  describe('rows that the Java component wrote, after migration:run', () => {
    const TASK: SeedTask = { ...SEED_TASKS[0]!, application_name: 'order-service' };
    const of = (name: string, rest: Partial<SeedTask>): SeedTask => ({
      ...TASK,
      redo_task_id: name,
      ...rest,
    });
    let schema: TestDatabase;
    let app: TestApp;
    const seen = new Map<string, { params: unknown; attempts: number[]; limits: unknown[] }>();
    const succeed = (params: unknown, task: RedoContext) => note(params, task);
    const fail = (params: unknown, task: RedoContext) => {
      note(params, task);
      return RedoResult.failure('still down');
    };
    function note(params: unknown, { redoTaskId, attempt, maxAttempts }: RedoContext): void {
      const each = seen.get(redoTaskId) ?? { params, attempts: [], limits: [] };
      seen.set(redoTaskId, each);
      each.attempts.push(attempt);
      each.limits.push(maxAttempts);
    }
    const failing = { policy: { backoff: { type: 'fixed', delay: 60_000 } }, handle: fail } as const;
    const taskOf = async (redoTaskId: string) => (await app.redo.list({ redoTaskId }))[0];
    const statusOf = async (redoTaskId: string) => (await taskOf(redoTaskId))?.status;

    beforeAll(async () => {
      schema = await database.create();
      await createSeedTables(schema);
      await addSeedTasks(schema, [
        of('order.notify-partner', {}),
        of('补偿任务一', { req_param: '{"params":{"name":"李四","items":["甲","乙"],"amount":12.50}}' }),
        of('text', { req_param: '{"params":"只是文字"}' }),
        of('two-made', { exec_times: 2, max_attempts: 3 }),
        of('no-limit-null', { max_attempts: null, try_forever: null, exec_times: 41 }),
        of('no-limit-zero', { max_attempts: 0, exec_times: 41 }),
        of('for-ever', { max_attempts: 3, try_forever: '1', exec_times: 7 }),
        of('used-up', { max_attempts: 3, exec_times: 3 }),
        of('past', { expired_date: '2020-01-31 08:30:00' }),
        of('far', { expired_date: '2099-12-31 00:00:00' }),
        of('elsewhere', { application_name: '微服务名' }),
        of('nobody', {}),
      ]);
      await migrate(schema);
      app = await startApp(schema, {
        handlers: {
          'order.notify-partner': succeed,
          补偿任务一: succeed,
          text: succeed,
          'two-made': failing,
          'no-limit-null': failing,
          'no-limit-zero': failing,
          'for-ever': failing,
          'used-up': succeed,
          past: succeed,
          far: succeed,
          elsewhere: succeed,
        },
      });
      await app.redo.redrive();
    });
    afterAll(async () => {
      await app.close();
      await schema.drop();
    });

    test('are redriven with the parameters they hold, Chinese text too', async () => {
      expect(seen.get('order.notify-partner')).toMatchObject({
        params: { name: '张三', desc: '通知合作方' },
        attempts: [1],
      });
      expect(seen.get('补偿任务一')?.params).toEqual({ name: '李四', items: ['甲', '乙'], amount: 12.5 });
      expect(seen.get('text')?.params).toBe('只是文字');
      for (const type of ['order.notify-partner', '补偿任务一', 'text'])
        expect(await app.redo.count({ redoTaskId: type })).toBe(0);
    });

    test('go on counting at the attempts they had, up to their limit', async () => {
      expect(seen.get('two-made')).toMatchObject({ attempts: [3], limits: [3] });
      expect(await taskOf('two-made')).toMatchObject({
        status: 'DEAD',
        deadReason: 'EXHAUSTED',
        attempts: 3,
        params: { name: '张三', desc: '通知合作方' },
      });
    });

    test('with their attempts used up end dead, EXHAUSTED, and are not begun', async () => {
      expect(await taskOf('used-up')).toMatchObject({ status: 'DEAD', deadReason: 'EXHAUSTED', attempts: 3 });
      expect(seen.has('used-up')).toBe(false);
    });

    test.each(['no-limit-null', 'no-limit-zero', 'for-ever'])(
      'without a limit are tried on: %s',
      async (type) => {
        const before = seen.get(type)!.attempts.length;
        for (let more = 0; more < 3; more += 1) {
          await passTime(schema, 60_000);
          await app.redo.redrive();
        }
        await waitFor(() => seen.get(type)!.attempts.length === before + 3, { what: 'three more attempts' });
        const first = type === 'for-ever' ? 8 : 42;
        expect(seen.get(type)!.attempts[0]).toBe(first);
        expect(seen.get(type)!.limits[0]).toBeNull();
        expect(await statusOf(type)).toBe('PENDING');
        expect(await taskOf(type)).toMatchObject({ maxAttempts: null, attempts: first + before + 2 });
      },
    );

    test('past their expiry end dead, EXPIRED; those that expire in 2099 run', async () => {
      expect(await taskOf('past')).toMatchObject({ status: 'DEAD', deadReason: 'EXPIRED', attempts: 0 });
      expect(seen.has('past')).toBe(false);
      expect(seen.get('far')?.attempts).toEqual([1]);
      expect(await app.redo.count({ redoTaskId: 'far' })).toBe(0);
    });

    test('of another service, or of a type that nobody handles, wait untouched', async () => {
      expect(seen.has('elsewhere')).toBe(false);
      expect(
        await schema.query(`SELECT exec_times, status FROM tbl_redotask WHERE redo_task_id = 'elsewhere'`),
      ).toEqual([{ exec_times: 0, status: 'PENDING' }]);
      expect(await taskOf('nobody')).toMatchObject({ status: 'PENDING', attempts: 0, hasHandler: false });
    });
  });
});
