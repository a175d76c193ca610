import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { RedoResult } from 'nestjs-redo';
import type { QueryRunner } from 'typeorm';
import { forEachServer } from '../support/databases.js';
import { untilAborted } from '../support/handlers.js';
import { createRedoDatabase, gate, rowOf, startApp, type TestApp } from '../support/redo-app.js';
import { type TestDatabase } from '../support/test-database.js';
import { waitFor } from '../support/wait-for.js';

forEachServer((database) => {
  let schema: TestDatabase;
  /** An application beside the one that stops, and its transaction, which has nothing to do with the library. */
  let neighbour: TestApp;
  let stranger: QueryRunner;

  beforeAll(async () => {
    schema = await createRedoDatabase(database);
  });
  beforeEach(async () => {
    neighbour = await startApp(schema, { options: { worker: false } });
    stranger = neighbour.dataSource.createQueryRunner();
    await stranger.startTransaction();
  });
  afterEach(async () => {
    if (stranger.isTransactionActive) await stranger.rollbackTransaction();
    await stranger.release();
    await neighbour.close();
    for (const table of ['tbl_redotask', 'tbl_redo_worker']) await schema.query(`DELETE FROM ${table}`);
  });
  afterAll(() => schema.drop());

  const lock = (id: number) => stranger.query(`SELECT id FROM tbl_redotask WHERE id = ${id} FOR UPDATE`);
  const ledger = async () => (await neighbour.redo.workers()).map(({ held, running }) => ({ held, running }));

  /** An instance with two running tasks: one has ended and can't be settled, the other runs on. */
  const stopping = async (outcome: RedoResult) => {
    const { passed, open } = gate();
    const app = await startApp(schema, {
      handlers: { ended: () => passed.then(() => outcome), endless: untilAborted },
      options: { shutdownTimeout: 0 },
    });
    const ended = await app.redo.addRedoTask('ended', {});
    const endless = await app.redo.addRedoTask('endless', {});
    for (const { id } of [ended, endless]) await app.told('started', id);
    await lock(ended.id);
    open();
    const closed = app.close();
    return { app, ended, endless, closed };
  };

  describe('an instance that stops while somebody has locked a task that ended on it', () => {
    test('hands back everything else at once, and settles that task when the lock is gone', async () => {
      const { app, ended, endless, closed } = await stopping(RedoResult.SUCCESS);
      const trouble = await app.told('trouble');
      expect(trouble.error.message).toContain(String(ended.id));
      const [row] = await ledger();
      expect(row?.held).toEqual([]);
      expect(row?.running.map(({ id }) => id)).toEqual([ended.id]);
      expect(await rowOf(schema, endless.id)).toMatchObject({ status: 'PENDING', exec_times: 0 });

      await stranger.commitTransaction();
      await closed;
      expect(await rowOf(schema, ended.id)).toBeUndefined();
      expect(await ledger()).toEqual([]);
      expect(app.all('workerStopped')).toMatchObject([{ handedBack: 1 }]);
    });

    test('leaves that task to be charged where the lock stays: the attempt is not forgotten', async () => {
      const { ended, closed } = await stopping(RedoResult.BIZ_ERROR);
      await closed;
      await stranger.commitTransaction();
      expect(await rowOf(schema, ended.id)).toMatchObject({ status: 'PENDING', exec_times: 0 });
      await schema.query('UPDATE tbl_redo_worker SET lease_until = 1');
      const attempts: number[] = [];
      const heir = await startApp(schema, {
        handlers: { ended: (_: never, { attempt }) => void attempts.push(attempt) },
      });
      await waitFor(() => heir.all('succeeded').length > 0, { what: 'the task to be done' });
      expect(attempts).toEqual([2]);
      await heir.close();
    });
  });
});
