import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { type RedoContext, RedoResult } from 'nestjs-redo';
import { forEachDatabase } from '../support/databases.js';
import { createRedoDatabase, startApp, type TestApp, type TestAppOptions } from '../support/redo-app.js';
import { StatementLog } from '../support/statement-log.js';
import { type TestDatabase } from '../support/test-database.js';
import { waitFor } from '../support/wait-for.js';

const after = (delay: number) => ({ tryForever: true, backoff: { type: 'fixed', delay } }) as const;
const down = () => Promise.reject(new Error('the partner is down'));
const range = (count: number) => Array.from({ length: count }, (_, index) => index);

forEachDatabase((database) => {
  let schema: TestDatabase;
  let app: TestApp;
  const log = new StatementLog();
  const unfreeze = () => Reflect.deleteProperty(performance, 'now');
  const start = async (settings: TestAppOptions) => {
    app = await startApp(schema, { dataSource: log.options(schema), ...settings });
    await app.redo.redrive();
    log.clear();
  };
  const claims = () => log.count(/(FROM|UPDATE) tbl_pessimistic_lock/);
  /** Whatever the machine does meanwhile, its next attempt is not due before the engine's clock goes on. */
  async function startHeld(
    event: 'failed' | 'postponed' = 'failed',
    handle: () => Promise<RedoResult> = down,
  ) {
    // A lease so long that no renewal comes in a test's time.
    await start({ handlers: { job: { policy: after(40), handle } }, options: { lease: 300_000 } });
    const frozen = performance.now();
    performance.now = () => frozen;
    const { id } = await app.redo.addRedoTask('job', 1);
    await app.told(event, id);
    return { id, unfreeze };
  }

  beforeAll(async () => {
    schema = await createRedoDatabase(database);
  });
  afterEach(async () => {
    unfreeze();
    await app.close();
    for (const table of ['tbl_redotask', 'tbl_redo_pause']) await schema.query(`DELETE FROM ${table}`);
  });
  afterAll(() => schema.drop());

  describe('a task that is tried again soon', () => {
    test('stays in hand: all its attempts cost one claim, and each is as if it had been read for it', async () => {
      const seen: unknown[] = [];
      const handle = (
        params: { order: number; isChanged?: boolean },
        { attempt, lastError }: RedoContext,
      ) => {
        seen.push([attempt, { ...params }, lastError?.attempt, lastError?.message]);
        params.isChanged = true;
        return attempt < 3 ? down() : undefined;
      };
      await start({ handlers: { job: { policy: after(1), handle } } });
      const added = await app.redo.addRedoTasks('job', [{ order: 7 }, { order: 7 }]);
      for (const { id } of added) await app.told('succeeded', id);
      const once = [
        [1, { order: 7 }, undefined, undefined],
        [2, { order: 7 }, 1, 'the partner is down'],
        [3, { order: 7 }, 2, 'the partner is down'],
      ];
      expect(seen).toHaveLength(6);
      expect(seen).toEqual(expect.arrayContaining(once));
      expect(claims()).toBe(1);
      expect(await app.redo.count()).toBe(0);
    });

    test.each([
      ['failed', 'failed', () => Promise.resolve(RedoResult.BIZ_ERROR)],
      ['was postponed', 'postponed', () => Promise.resolve(RedoResult.retryAfter(40))],
    ] as const)('is held until then, if it %s; no pass waits for it', async (_, event, handle) => {
      const { id, unfreeze } = await startHeld(event, handle);
      await app.redo.redrive();
      expect(await app.redo.get(id)).toMatchObject({ status: 'PENDING', worker: { state: 'HELD' } });
      expect(app.all('started')).toHaveLength(1);
      unfreeze();
      await waitFor(() => app.all('started').length > 1, { what: 'the second attempt' });
    });

    test('is claimed again where that is later', async () => {
      await start({ handlers: { job: { policy: after(51), handle: down } } });
      const { id } = await app.redo.addRedoTask('job', 1);
      await app.told('failed', id);
      const before = claims();
      await waitFor(() => app.all('started').length > 1, { what: 'the second attempt' });
      expect(claims()).toBeGreaterThan(before);
    });

    test('goes before others of its type once; then what has waited for longer comes first', async () => {
      const handle = (_: number, { attempt }: RedoContext) => (attempt < 3 ? down() : undefined);
      await start({
        handlers: { job: { policy: after(1), handle } },
        options: { concurrency: 1, batchSize: 4 },
      });
      await app.redo.addRedoTasks('job', range(20));
      await waitFor(() => app.all('succeeded').length === 20, { what: 'all to succeed' });
      const attempts = app.all('started').map(({ attempt }) => attempt);
      expect(attempts.indexOf(2)).toBeLessThan(attempts.lastIndexOf(1));
      expect(attempts.indexOf(3)).toBeGreaterThan(attempts.lastIndexOf(1));
    });

    test('begins no more once its type is paused, and goes on when that is over', async () => {
      const { id, unfreeze } = await startHeld();
      await app.redo.pause('job');
      unfreeze();
      await waitFor(async () => (await app.redo.get(id))?.worker === null, { what: 'it to be handed back' });
      await app.redo.redrive();
      expect(app.all('started')).toHaveLength(1);
      await app.redo.resume('job');
      await waitFor(() => app.all('started').length > 1, { what: 'the second attempt' });
    });

    test('begins no more once it is discarded', async () => {
      const { id, unfreeze } = await startHeld();
      await app.redo.discard(id, 'no need');
      unfreeze();
      const isFree = async () => (await app.redo.get(id))?.worker === null;
      await waitFor(isFree, { what: 'the instance to let go of it' });
      await app.redo.redrive();
      expect(app.all('started')).toHaveLength(1);
      expect(await app.redo.get(id)).toMatchObject({ status: 'DEAD', deadReason: 'DISCARDED' });
    });

    test('is free at once when its instance stops', async () => {
      const { id } = await startHeld();
      await app.close();
      expect(await schema.query('SELECT id FROM tbl_redo_worker')).toEqual([]);
      const [row] = await schema.query('SELECT status, exec_times FROM tbl_redotask WHERE id = ?', [id]);
      expect(row?.status).toBe('PENDING');
      expect(row?.exec_times).toBe(app.all('failed').length);
    });
  });
});
