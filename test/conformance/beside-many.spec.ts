import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { SchedulerRegistry } from '@nestjs/schedule';
import { REDRIVE_JOB } from 'nestjs-redo';
import { Holding } from '../../lib/store/ledger.text.js';
import { encodeReached } from '../../lib/store/reached.js';
import { nowOf } from '../support/database-clock.js';
import { forEachDatabase } from '../support/databases.js';
import { APPLICATION, createRedoDatabase, startApp, type TestApp } from '../support/redo-app.js';
import { type TestDatabase } from '../support/test-database.js';
import { waitFor } from '../support/wait-for.js';

const TASKS = 700;
const A_YEAR = 31_536_000_000;

/** What becomes of due tasks while another instance has hundreds of them, and its claims have come to a place after those. */
forEachDatabase((database) => {
  let schema: TestDatabase;
  let app: TestApp;
  let ids: number[];
  const runs: number[] = [];

  beforeEach(async () => {
    schema = await createRedoDatabase(database);
    runs.length = 0;
    const producer = await startApp(schema, { handlers: { job: {} }, options: { worker: false } });
    ids = (await producer.redo.addRedoTasks('job', Array(TASKS).fill(null))).map(({ id }) => id);
    await producer.close();
  });
  afterEach(async () => {
    await app.close();
    await schema.drop();
  });

  /** The other one has these, and its claims came to the last of them so long ago, ms. */
  async function plant(held: readonly number[], age: number): Promise<void> {
    await schema.query("DELETE FROM tbl_redo_worker WHERE id = 'other'");
    const holding = new Holding();
    for (const id of held) holding.hold('job', id);
    const [last] = await schema.query<{ next_exec_time: number | string }>(
      'SELECT next_exec_time FROM tbl_redotask WHERE id = ?',
      [held.at(-1)],
    );
    const now = await nowOf(schema);
    const place = { id: held.at(-1)!, dueTime: Number(last!.next_exec_time), since: now - age };
    await schema.query(
      `INSERT INTO tbl_redo_worker
         (id, application_name, host, pid, start_time, lease_until, handlers, held, running, reached)
       VALUES ('other', ?, 'elsewhere', 1, 1, ?, '["job"]', ?, '{}', ?)`,
      [APPLICATION, now + A_YEAR, holding.held, encodeReached(new Map([['job', place]]))],
    );
  }

  const start = () =>
    startApp(schema, {
      handlers: { job: (_: null, { id }: { id: number }) => void runs.push(id) },
      options: { schedule: { cron: '0 0 0 1 1 *' }, concurrency: 500, batchSize: 1_000 },
    });
  const tick = () => app.nest.get(SchedulerRegistry).getCronJob(REDRIVE_JOB).fireOnTick();
  const reachedOf = async () => {
    const [own] = await schema.query<{ reached: string | null }>(
      "SELECT reached FROM tbl_redo_worker WHERE id <> 'other'",
    );
    return JSON.parse(own!.reached ?? '{}') as Record<string, [dueTime: number, id: number, since: number]>;
  };

  describe('beside another instance that has hundreds of tasks', () => {
    test.each([
      ['a moment ago', 0],
      ['long ago', 10_000],
    ])(
      'all others run, also those before the place that its claims came to %s, and a pass waits for them',
      async (_, age) => {
        const [before, theirs, after] = [ids.slice(0, 5), ids.slice(5, 605), ids.slice(605)];
        await plant(ids, 10_000);
        app = await start();
        // From now on it knows of the other one.
        await app.redo.redrive();
        await plant(theirs, age);
        await app.redo.redrive();
        expect(runs.toSorted((one, other) => one - other)).toEqual([...before, ...after]);
        expect(await app.redo.count()).toBe(theirs.length);
        const { job } = await reachedOf();
        expect(job?.[1]).toBe(ids.at(-1));
      },
    );

    test('a tick meanwhile, which goes on from there too, does not count as the look from the start', async () => {
      const [before, theirs, after] = [ids.slice(0, 5), ids.slice(5, 605), ids.slice(605)];
      await plant(ids, 10_000);
      app = await start();
      await app.redo.redrive();
      await plant(theirs, 0);
      const pass = app.redo.redrive();
      await waitFor(() => app.all('succeeded').length === after.length, { what: 'what comes after' });
      await tick();
      await pass;
      expect(runs.toSorted((one, other) => one - other)).toEqual([...before, ...after]);
    });

    test('an idle instance that finds nothing from the start tells the others, which need not read past it', async () => {
      await plant(ids, 10_000);
      app = await start();
      await app.redo.redrive();
      expect(await reachedOf()).toEqual({});
      const before = await nowOf(schema);
      await tick();
      await waitFor(async () => 'job' in (await reachedOf()), { what: 'it to tell' });
      const { job } = await reachedOf();
      expect(job?.[1]).toBe(ids.at(-1));
      expect(job?.[2]).toBeGreaterThanOrEqual(before - 1);
      expect(runs).toEqual([]);
    });
  });
});
