import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { SchedulerRegistry } from '@nestjs/schedule';
import { REDRIVE_JOB, RedoResult } from 'nestjs-redo';
import { readClaimed } from '../../lib/store/claim.js';
import { postgresDialect } from '../../lib/store/postgres.dialect.js';
import { sql, type Statement } from '../../lib/store/sql.js';
import { lockFreeTasks } from '../../lib/store/task.lock.js';
import { NO_ANSWER, type Work } from '../../lib/store/work.js';
import { forEachServer } from '../support/databases.js';
import { analyze, stepsPastIndexes, takeTasksForGone, wholeScansOfPostgres } from '../support/query-plan.js';
import { createRedoDatabase, startApp } from '../support/redo-app.js';
import { type LoggedStatement, StatementLog } from '../support/statement-log.js';
import { type TestDatabase } from '../support/test-database.js';
import { asReadBy } from '../support/version-comments.js';
import { waitFor } from '../support/wait-for.js';

/** 0 to 199,999, out of the table of the ten digits. */
const NUMBERS = `
  (SELECT a.d + 10 * b.d + 100 * c.d + 1000 * d.d + 10000 * e.d + 100000 * f.d AS n
   FROM tbl_digits a, tbl_digits b, tbl_digits c, tbl_digits d, tbl_digits e, (SELECT 0 AS d UNION ALL SELECT 1) f) AS numbers`;
const OURS = /\btbl_(redotask|redo_worker|redo_pause|pessimistic_lock)\b/;
const HOT = /^\(?\s*(SELECT|UPDATE|DELETE)\b/;

/** Without the setting for one statement, which EXPLAIN does not take. */
const explicable = (text: string) => text.replace(/^SET STATEMENT .+ FOR (?=DELETE)/, '');

/**
 * The statements are those that a working instance sent: a backlog is claimed, fails, succeeds, is postponed, dies, expires,
 * is parked; two workers stand beside it, one of them dead; old tasks are swept away.
 */
forEachServer((database) => {
  describe('with 120,000 tasks of several applications, types and states', () => {
    let schema: TestDatabase;
    const log = new StatementLog();
    let statements: LoggedStatement[] = [];

    beforeAll(async () => {
      schema = await createRedoDatabase(database);
      await fill();
      statements = await work();
      // What was swept away must be there again when the plans are made.
      await fill();
    }, 120_000);
    afterAll(() => schema.drop());

    async function fill(): Promise<void> {
      const digits = Array.from({ length: 10 }, (_, digit) => `SELECT ${digit} AS d`).join(' UNION ALL ');
      await schema.query(`CREATE TABLE IF NOT EXISTS tbl_digits AS ${digits}`);
      await schema.query(
        `INSERT INTO tbl_redotask
           (application_name, redo_task_id, max_attempts, exec_times, req_param, status, dead_reason, next_exec_time, add_time)
         SELECT CASE WHEN n % 4 = 0 THEN 'another-service' ELSE 'order-service' END,
                CASE n % 5 WHEN 0 THEN 'good' WHEN 1 THEN 'bad' WHEN 2 THEN 'later' WHEN 3 THEN 'ends' ELSE 'unhandled' END,
                10, 0, '{"params":{"name":"张三"}}',
                CASE WHEN n % 60 >= 40 THEN 'DEAD' ELSE 'PENDING' END,
                CASE WHEN n % 60 >= 40 THEN 'EXHAUSTED' END,
                CASE WHEN n % 60 >= 40 THEN 1 WHEN n % 7 < 3 THEN 1790000000000 + n ELSE 4000000000000 + n END,
                1790000000000
         FROM ${NUMBERS}
         WHERE n < 120000`,
      );
      await analyze(schema);
    }

    async function work(): Promise<LoggedStatement[]> {
      const held = await schema.query<{ id: number }>(
        `SELECT id FROM tbl_redotask WHERE application_name = 'order-service' AND status = 'PENDING' AND redo_task_id = 'good'
         ORDER BY next_exec_time, id LIMIT 60`,
      );
      const ids = held.map(({ id }) => id);
      const worker = (id: string, leaseUntil: number, held: object, running: object) =>
        schema.query(
          `INSERT INTO tbl_redo_worker (id, application_name, host, pid, start_time, lease_until, handlers, held, running)
           VALUES (?, 'order-service', 'host', 1, 1, ?, '["good"]', ?, ?)`,
          [id, leaseUntil, JSON.stringify(held), JSON.stringify(running)],
        );
      // So many in a row that a claim leaves them out.
      const inARow = `${ids[39]! + 1}-${ids[39]! + 600}`;
      await worker('alive', 4_000_000_000_000, { good: [...ids.slice(0, 40), inARow] }, {});
      await worker('dead', 1, { good: ids.slice(40, 50) }, { good: ids.slice(50).map((id) => [id, 1]) });
      // Few rows are read as a whole, and rightly so.
      await schema.query(
        `INSERT INTO tbl_redo_worker (id, application_name, host, pid, start_time, lease_until, handlers, held, running)
         SELECT CONCAT('other ', n), 'another-service', 'host', 1, 1, 4000000000000, '[]', '{}', '{}' FROM ${NUMBERS} WHERE n < 1000`,
      );
      await schema.query(
        `INSERT INTO tbl_redo_pause (application_name, redo_task_id, pause_time)
         SELECT 'another-service', CONCAT('other ', n), 1 FROM ${NUMBERS} WHERE n < 1000`,
      );
      await schema.query(
        `INSERT INTO tbl_pessimistic_lock (resource) SELECT CONCAT('other ', n) FROM ${NUMBERS} WHERE n < 1000`,
      );
      await schema.query(
        `UPDATE tbl_redotask SET expire_time = 1 WHERE redo_task_id = 'later' AND next_exec_time < 1790000005000`,
      );
      await schema.query(
        `UPDATE tbl_redotask SET req_param = 'x' WHERE redo_task_id = 'ends' AND next_exec_time < 1790000000500`,
      );

      const app = await startApp(schema, {
        handlers: {
          good: () => {},
          bad: () => RedoResult.failure('no'),
          later: () => RedoResult.retryAfter(3_600_000),
          ends: () => RedoResult.discard('no'),
        },
        options: { schedule: { cron: '0 0 0 1 1 *' }, concurrency: 50 },
        dataSource: log.options(schema),
      });
      await app.nest.get(SchedulerRegistry).getCronJob(REDRIVE_JOB).fireOnTick();
      for (const told of ['succeeded', 'failed', 'postponed', 'dead', 'parked', 'workerLapsed'] as const)
        await app.told(told);
      await waitFor(() => log.count(/^SELECT id FROM tbl_redotask[\s\S]*ORDER BY next_exec_time/) > 2, {
        what: 'the sweep',
      });
      const seen = new Map<string, LoggedStatement>();
      // One of each form is enough; the longest lists tell most.
      for (const { text, values } of log.statements) {
        const statement = { text: explicable(asReadBy(database.kind, text)), values };
        if (!HOT.test(statement.text) || !OURS.test(statement.text)) continue;
        const form = statement.text
          .replace(/\$\d+/g, '?')
          .replace(/(\?(, )?)+/g, '?')
          .replace(/WHEN \? THEN \?\s*/g, '')
          .replace(/\s+/g, ' ');
        const known = seen.get(form);
        if (!known || known.values.length < statement.values.length) seen.set(form, statement);
      }
      await app.close();
      return [...seen.values()];
    }

    const named: [string, RegExp][] = [
      ['the look of an idle instance and of a claim', /'clock' AS kind[\s\S]*'due' AS kind/],
      ['the look of a claim that leaves out what others have', /'due' AS kind[\s\S]*id \+ 0 NOT BETWEEN/],
      ['locking the lock row', /tbl_pessimistic_lock[\s\S]*FOR UPDATE/],
      ['locking a lapsed worker', /tbl_redo_worker[\s\S]*lease_until <[\s\S]*FOR UPDATE/],
      ['the worker’s own row', /^UPDATE tbl_redo_worker/],
      ['reading what was claimed', /^SELECT id, redo_task_id[\s\S]*WHERE \(?id (IN|= ANY)/],
      ['locking what is settled', /(JSON_TABLE|tbl_redotask AS task)[\s\S]*FOR UPDATE/],
      ['deleting what has succeeded or is old', /^DELETE (task )?FROM/],
      ['putting off what has failed', /^UPDATE (JSON_TABLE|tbl_redotask)[\s\S]*next_exec_time = LEAST/],
      ['ending what is discarded', /^UPDATE (JSON_TABLE|tbl_redotask)[\s\S]*dead_reason = new_dead_reason/],
      ['ending what has expired', /^UPDATE tbl_redotask[\s\S]*'EXPIRED'/],
      ['parking', /^UPDATE (JSON_TABLE|tbl_redotask)[\s\S]*'PARKED'/],
      ['finding old tasks', /^SELECT id FROM tbl_redotask[\s\S]*ORDER BY next_exec_time/],
      ['finding the types of old tasks', /^SELECT redo_task_id FROM tbl_redotask/],
    ];

    test.each(named)('%s goes by an index and sorts nothing', async (_, pattern) => {
      const matching = statements.filter(({ text }) => pattern.test(text));
      expect(matching.length).toBeGreaterThan(0);
      for (const statement of matching) await expectByIndex(statement);
    });

    test('and nothing else that an instance sends again and again goes over a whole table', async () => {
      for (const statement of statements) await expectByIndex(statement);
    });

    if (database.kind === 'postgres')
      test('what is due and tasks by their ids are looked up too when the statistics are of a moment when there were no tasks', async () => {
        await takeTasksForGone(schema);
        const lookingUp = statements.filter(({ text }) => /'due' AS kind| = ANY \(/.test(text));
        expect(lookingUp.length).toBeGreaterThan(5);
        for (const statement of lookingUp)
          expect([statement.text, ...(await wholeScansOfPostgres(schema, statement))]).toEqual([
            statement.text,
          ]);
      });

    async function expectByIndex(statement: LoggedStatement): Promise<void> {
      const bad = await stepsPastIndexes(schema, statement);
      if (bad.length > 0)
        throw new Error(`${JSON.stringify(bad, null, 2)}\nis the plan of\n${statement.text}`);
    }
  });

  // The others estimate by themselves.
  if (database.kind !== 'postgres') return;

  describe('with 20,000 tasks and statistics of a moment when there were none', () => {
    let schema: TestDatabase;
    const ids = Array.from({ length: 200 }, (_, index) => index + 100);

    beforeAll(async () => {
      schema = await createRedoDatabase(database);
      await schema.query('ALTER TABLE tbl_redotask SET (autovacuum_enabled = false)');
      await schema.query(
        `INSERT INTO tbl_redotask (application_name, redo_task_id, max_attempts, req_param, next_exec_time, add_time)
         SELECT 'order-service', 'good', 10, '{"params":{"name":"张三"}}', n, n FROM generate_series(1, 20000) AS n`,
      );
      await takeTasksForGone(schema);
    });
    afterAll(() => schema.drop());

    test.each([
      ['locking free tasks', postgresDialect.lockFreeTasks(sql`id, status`, ids)[0]!],
      ['which of those that were not free exist', lastOf(lockFreeTasks(postgresDialect, ids))],
      ['reading what was claimed', lastOf(readClaimed(postgresDialect, 'a worker', ids))],
      ['deleting', postgresDialect.deleteTasks(ids)],
      [
        'writing to each what it becomes',
        postgresDialect.updateTasks(
          () => sql`exec_times = new_exec_times`,
          ids.map((id) => ({ id, new_exec_times: 1 })),
        ),
      ],
    ])('%s goes by the primary key', async (_, statement) => {
      const scans = await wholeScansOfPostgres(schema, postgresDialect.forDriver(statement));
      expect(scans.filter((node) => node['Relation Name'] !== 'tbl_redo_worker')).toEqual([]);
    });
  });
});

/** What a work sends last when nothing is found. */
function lastOf(work: Work<unknown>): Statement {
  let last = sql``;
  for (let step = work.next(); !step.done; step = work.next(NO_ANSWER)) last = step.value as Statement;
  return last;
}
