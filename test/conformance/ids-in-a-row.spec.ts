import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type { QueryRunner } from 'typeorm';
import { forEachServer } from '../support/databases.js';
import { analyze } from '../support/query-plan.js';
import {
  createRedoDatabase,
  gate,
  startApp,
  type TestApp,
  type TestAppOptions,
} from '../support/redo-app.js';
import { StatementLog } from '../support/statement-log.js';
import { type TestDatabase } from '../support/test-database.js';
import { waitFor } from '../support/wait-for.js';

const byNumber = (one: number, other: number) => one - other;
const range = (count: number) => Array.from({ length: count }, (_, index) => index);

/** Tasks whose ids follow one another are read and locked as ranges where that is faster: no range may go too far. */
forEachServer((database) => {
  let schema: TestDatabase;
  const apps: TestApp[] = [];
  const strangers: QueryRunner[] = [];
  const start = async (settings: TestAppOptions) => {
    const app = await startApp(schema, settings);
    apps.push(app);
    return app;
  };

  beforeEach(async () => {
    schema = await createRedoDatabase(database);
  });
  afterEach(async () => {
    for (const stranger of strangers.splice(0)) {
      if (stranger.isTransactionActive) await stranger.rollbackTransaction();
      await stranger.release();
    }
    await Promise.all(apps.splice(0).map((app) => app.close()));
    await schema.drop();
  });

  describe.each([
    // A small table invites a server to read all of it.
    { strangers: 1, statistics: 'of an empty table' },
    { strangers: 1, statistics: 'of what is there' },
    { strangers: 300, statistics: 'of what is there' },
  ])('with $strangers tasks of others before and after them, and statistics $statistics,', (beside) => {
    test.each([99, 100, 250, 1_000])(
      '%i tasks in a row run and are settled while the others’ are locked',
      async (count) => {
        if (beside.statistics === 'of an empty table') await analyze(schema);
        const producer = await start({ handlers: { job: {}, strange: {} }, options: { worker: false } });
        const before = await producer.redo.addRedoTasks('strange', range(beside.strangers));
        const own = await producer.redo.addRedoTasks('job', range(count));
        const after = await producer.redo.addRedoTasks('strange', range(beside.strangers));
        if (beside.statistics === 'of what is there') await analyze(schema);
        const inARow = [...before, ...own, ...after].map(({ id }) => id);
        expect(inARow).toEqual(range(inARow.length).map((index) => inARow[0]! + index));

        const log = new StatementLog();
        const stranger = producer.dataSource.createQueryRunner();
        strangers.push(stranger);
        await stranger.startTransaction('READ COMMITTED');
        for (const { id } of [before.at(-1)!, after[0]!])
          await stranger.query(`SELECT id FROM tbl_redotask WHERE id = ${id} FOR UPDATE`);
        const worker = await start({
          handlers: { job: () => {} },
          options: { concurrency: 2_000, batchSize: 2_000 },
          dataSource: log.options(schema),
        });
        await waitFor(() => worker.all('succeeded').length === count, { what: 'all to succeed' });
        expect(worker.all('trouble')).toEqual([]);
        expect(await producer.redo.count({ redoTaskId: 'job' })).toBe(0);
        const ranges = log.count(/tbl_redotask[\s\S]*BETWEEN/);
        expect(ranges).toBe(database.kind === 'postgres' || count < 100 ? 0 : 2);
      },
    );
  });

  test.each([[2], [150]])(
    'of %i in a row that succeed one is deleted and one locked meanwhile: the others are settled, once each',
    async (others) => {
      const { passed, open } = gate();
      const log = new StatementLog();
      const worker = await start({
        handlers: { job: () => passed },
        options: { concurrency: 1_000, batchSize: 1_000 },
        dataSource: log.options(schema),
      });
      const added = await worker.redo.addRedoTasks('job', range(others + 2));
      await waitFor(() => worker.all('started').length === added.length, { what: 'all to begin' });
      const [deleted, locked, ...own] = [...added.slice(others / 2), ...added.slice(0, others / 2)].map(
        ({ id }) => id,
      );
      const stranger = worker.dataSource.createQueryRunner();
      strangers.push(stranger);
      await stranger.query(`DELETE FROM tbl_redotask WHERE id = ${deleted}`);
      await stranger.startTransaction('READ COMMITTED');
      await stranger.query(`SELECT id FROM tbl_redotask WHERE id = ${locked} FOR UPDATE`);
      open();
      const succeeded = () => worker.all('succeeded').map(({ id }) => id);
      await waitFor(() => succeeded().length === others, { what: 'the others to succeed' });
      expect(succeeded().sort(byNumber)).toEqual(own.sort(byNumber));
      // Tried again and again, but a lost bet is not made again.
      const tries = log.count(/tbl_redotask AS task[\s\S]*SKIP LOCKED/);
      const bets = log.count(/SET STATEMENT/);
      await waitFor(() => log.count(/tbl_redotask AS task[\s\S]*SKIP LOCKED/) > tries + 2, {
        what: 'more tries',
      });
      expect(log.count(/SET STATEMENT/)).toBe(bets);
      await stranger.commitTransaction();
      await worker.told('succeeded', locked);
      expect(succeeded()).toHaveLength(others + 1);
      expect(await worker.redo.count()).toBe(0);
      expect(worker.all('trouble')).toEqual([]);
    },
  );

  // Others' deletes count before they are committed, so that a server may think so while much is being settled.
  if (database.kind !== 'postgres')
    test('200 in a row are settled beside a locked one while the server takes the table for nearly empty', async () => {
      const producer = await start({ handlers: { job: {}, strange: {} }, options: { worker: false } });
      const [first] = await producer.redo.addRedoTasks('strange', [1]);
      await producer.redo.addRedoTasks('job', range(200));
      await schema.query(
        `UPDATE mysql.innodb_table_stats SET n_rows = 1, clustered_index_size = 1
         WHERE database_name = DATABASE() AND table_name = 'tbl_redotask'`,
      );
      await schema.query('FLUSH TABLES tbl_redotask');
      const stranger = producer.dataSource.createQueryRunner();
      strangers.push(stranger);
      await stranger.startTransaction('READ COMMITTED');
      await stranger.query(`SELECT id FROM tbl_redotask WHERE id = ${first!.id} FOR UPDATE`);
      const worker = await start({
        handlers: { job: () => {} },
        options: { concurrency: 1_000, batchSize: 1_000 },
      });
      await waitFor(() => worker.all('succeeded').length === 200, { what: 'all to succeed' });
      expect(worker.all('trouble')).toEqual([]);
    });

  test('nobody is kept from adding and locking what comes after them while they are being settled', async () => {
    const log = new StatementLog();
    const producer = await start({ handlers: { job: {}, strange: {} }, options: { worker: false } });
    await producer.redo.addRedoTasks('job', range(300));
    const [next] = await producer.redo.addRedoTasks('strange', [1]);
    const worker = await start({
      handlers: { job: () => {} },
      options: { concurrency: 1_000, batchSize: 1_000 },
      dataSource: log.options(schema),
    });
    await waitFor(() => worker.all('succeeded').length === 300, { what: 'all to succeed' });
    const lockAndDelete = log.matching(/^\s*(SELECT|DELETE|\/\*!)[\s\S]*tbl_redotask AS task/);
    // The same once more, in a transaction that stays open; the rows are there again.
    await producer.dataSource.query(
      `INSERT INTO tbl_redotask (id, application_name, redo_task_id, req_param, next_exec_time, add_time)
       SELECT id - 300 + n, application_name, 'job', req_param, next_exec_time, add_time
       FROM tbl_redotask, (${range(300)
         .map((n) => `SELECT ${n} AS n`)
         .join(' UNION ALL ')}) AS numbers
       WHERE id = ${next!.id}`,
    );
    const settling = producer.dataSource.createQueryRunner();
    strangers.push(settling);
    await settling.startTransaction('READ COMMITTED');
    for (const { text, values } of lockAndDelete) await settling.query(text, [...values]);
    const other = producer.dataSource.createQueryRunner();
    strangers.push(other);
    await other.startTransaction('READ COMMITTED');
    const free = `SELECT id FROM tbl_redotask WHERE id = ${next!.id} FOR UPDATE SKIP LOCKED`;
    const locked = (await other.query(free)) as unknown[];
    expect(locked).toHaveLength(1);
    expect(await producer.redo.addRedoTask('strange', 2)).toMatchObject({ created: true });
  });
});
