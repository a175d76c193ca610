import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { forEachDatabase } from '../support/databases.js';
import { analyze, sqlitePlan, stepsPastIndexes } from '../support/query-plan.js';
import {
  createRedoDatabase,
  gate,
  startApp,
  type TestApp,
  type TestAppOptions,
} from '../support/redo-app.js';
import { noteRowsRead } from '../support/rows-read.js';
import { StatementLog } from '../support/statement-log.js';
import { type TestDatabase } from '../support/test-database.js';
import { waitFor } from '../support/wait-for.js';

/** Entries of indexes and tables that a statement reads: so many, and so many more for each task. */
type Entries = readonly [fixed: number, perTask: number];

type Server = 'mariadb' | 'mysql' | 'postgres';
type Reads = readonly (readonly [head: string, entries: Entries])[];

const OWN_ROW = ['UPDATE tbl_redo_worker', [1, 0]] as const;
const claimAndBegin = (look: Entries, reading: Entries = [1, 1]): Reads => [
  ['SELECT tbl_pessimistic_lock FOR UPDATE', [1, 0]],
  ['SELECT tbl_redo_worker, tbl_redo_pause, tbl_redotask', look],
  OWN_ROW,
  ['SELECT tbl_redo_worker, tbl_redotask', reading],
  OWN_ROW,
];

/**
 * What is read for tasks that are claimed, begun and settled together, statement by statement. MySQL and MariaDB count the
 * list of ids too, and each look that finds an index at its end; for a DELETE they come to each row twice.
 */
const READ: Readonly<Record<Server, Reads>> = {
  mariadb: [...claimAndBegin([4, 1]), ['SET tbl_redotask', [1, 3]], OWN_ROW],
  mysql: [
    ...claimAndBegin([4, 1]),
    ['SELECT tbl_redotask FOR UPDATE', [1, 2]],
    ['DELETE tbl_redotask', [1, 4]],
    OWN_ROW,
  ],
  postgres: [...claimAndBegin([1, 1]), ['DELETE tbl_redotask FOR UPDATE', [0, 2]], OWN_ROW],
};

/** To read, lock or delete them MySQL and MariaDB come to rows whose ids are in a row once each, and the last of them is looked up by itself. */
const READ_IN_A_ROW: Readonly<Record<Server, Reads>> = {
  mariadb: [...claimAndBegin([4, 1], [2, 1]), ['SET tbl_redotask', [1, 1]], OWN_ROW],
  mysql: [
    ...claimAndBegin([4, 1], [2, 1]),
    ['SELECT tbl_redotask FOR UPDATE', [1, 1]],
    ['DELETE tbl_redotask', [1, 4]],
    OWN_ROW,
  ],
  postgres: READ.postgres,
};
const SHORTEST_RUN = 100;

const DAY = 24 * 3_600_000;
/** As many tasks wait for tomorrow, and as many are dead. */
interface Backlog {
  readonly due: number;
  readonly others: number;
  /** Whether anybody has told the server what is in its tables. */
  readonly analyzed: boolean;
}
const range = (count: number) => Array.from({ length: count }, (_, index) => index);

forEachDatabase((database) => {
  const { kind } = database;
  let schema: TestDatabase;
  const apps: TestApp[] = [];
  const start = async (settings: TestAppOptions) => {
    const app = await startApp(schema, settings);
    apps.push(app);
    return app;
  };

  // A fresh one for each test: what was deleted stays in an index for a while, and changes plans.
  beforeEach(async () => {
    schema = await createRedoDatabase(database);
  });
  afterEach(async () => {
    await Promise.all(apps.splice(0).map((app) => app.close()));
    await schema.drop();
  });

  /** Claims, begins and settles so many tasks together, among others of their type that wait for tomorrow or are dead. */
  async function redriveTogether(backlog: Backlog, watch: (app: TestApp) => void, log = new StatementLog()) {
    const { due } = backlog;
    const { passed, open } = gate();
    const app = await start({
      handlers: { job: () => passed },
      options: { concurrency: 2 * due, batchSize: 2 * due, lease: DAY },
      dataSource: log.options(schema),
    });
    await waitFor(() => log.count(/'clock' AS kind/) > 0, { what: 'its first look' });
    await fill(backlog);
    watch(app);
    const pass = app.redo.redrive();
    await waitFor(() => app.all('started').length === due, { what: 'all to begin' });
    open();
    expect(await pass).toMatchObject({ claimed: due, succeeded: due });
  }

  async function fill({ due, others, analyzed }: Backlog): Promise<void> {
    const { redo } = await start({ handlers: { job: {} }, options: { worker: false } });
    await redo.addRedoTasks('job', range(others), { delay: DAY });
    await schema.query(`
      INSERT INTO tbl_redotask
        (application_name, redo_task_id, max_attempts, exec_times, req_param, status, dead_reason, next_exec_time, add_time)
      SELECT application_name, redo_task_id, 10, 10, req_param, 'DEAD', 'EXHAUSTED', 1, 1 FROM tbl_redotask`);
    await redo.addRedoTasks('job', range(due));
    if (analyzed && kind !== 'sqlite') await analyze(schema);
  }

  if (kind === 'sqlite')
    test('what is due is one range of an index, nothing is sorted and no table is read as a whole (SQLite does not tell how much it reads)', async () => {
      const log = new StatementLog();
      await redriveTogether({ due: 10, others: 1_000, analyzed: false }, () => log.clear(), log);
      const [look] = log.matching(/'clock' AS kind/);
      const range =
        /COVERING INDEX .*\(application_name=\? AND status=\? AND redo_task_id=\? AND next_exec_time<\?\)/;
      expect(await sqlitePlan(schema, look!)).toContainEqual(expect.stringMatching(range));
      const statements = log.matching(/^(SELECT|UPDATE|DELETE)\b.*\btbl_/s);
      expect(statements).toHaveLength(7);
      for (const statement of statements)
        expect([statement.text, ...(await stepsPastIndexes(schema, statement))]).toEqual([statement.text]);
    });
  else
    test.each<Backlog>([
      { due: 10, others: 1_000, analyzed: true },
      { due: 20, others: 1_000, analyzed: true },
      // So many in a row are read as a range on MySQL and MariaDB.
      { due: 200, others: 1_000, analyzed: true },
      // MySQL and MariaDB estimate by themselves.
      ...(kind === 'postgres' ? [{ due: 500, others: 10_000, analyzed: false }] : []),
    ])(
      'with $others tasks waiting for tomorrow and as many dead, $due that are due are all that is read (statistics: $analyzed)',
      async (backlog) => {
        let readings: ReturnType<typeof noteRowsRead> = [];
        await redriveTogether(backlog, ({ dataSource }) => (readings = noteRowsRead(dataSource)));
        expect(readings).toEqual(
          (backlog.due < SHORTEST_RUN ? READ : READ_IN_A_ROW)[kind].map(([head, [fixed, perTask]]) => ({
            head,
            read: fixed + perTask * backlog.due,
          })),
        );
      },
    );

  // SQLite does not tell how much it reads.
  if (kind !== 'sqlite')
    test('tasks that a person names are looked up, however many others there are', async () => {
      const { redo, dataSource } = await start({ handlers: { job: {} }, options: { worker: false } });
      await redo.addRedoTasks('job', range(1_000), { delay: DAY });
      for (let count = 1_000; count < 64_000; count *= 2)
        await schema.query(`
          INSERT INTO tbl_redotask (application_name, redo_task_id, max_attempts, req_param, next_exec_time, add_time)
          SELECT application_name, redo_task_id, max_attempts, req_param, next_exec_time, add_time FROM tbl_redotask`);
      const last = (await redo.list({}, { limit: 1 }))[0]!.id;
      const ids = range(1_200).map((index) => last - index);
      await analyze(schema);
      const readings = noteRowsRead(dataSource);
      expect(await redo.count({ ids })).toBe(1_200);
      expect(await redo.discard({ ids }, 'not wanted')).toBe(1_200);
      expect(readings.map(({ head }) => head)).toContain('UPDATE tbl_redotask');
      // And the end of a range.
      expect(readings.filter(({ read }) => read > ids.length + 1)).toEqual([]);
    });
});
