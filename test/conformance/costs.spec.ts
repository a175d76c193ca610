import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { SchedulerRegistry } from '@nestjs/schedule';
import { REDRIVE_JOB, RedoResult } from 'nestjs-redo';
import { forEachDatabase } from '../support/databases.js';
import { lockEverything } from '../support/lock-everything.js';
import {
  createRedoDatabase,
  gate,
  startApp,
  type TestApp,
  type TestAppOptions,
} from '../support/redo-app.js';
import { roundTripsOf } from '../support/round-trips.js';
import { headOf } from '../support/statement-head.js';
import { StatementLog } from '../support/statement-log.js';
import { type TestDatabase } from '../support/test-database.js';
import { type DatabaseKind } from '../support/test-run.js';
import { asReadBy } from '../support/version-comments.js';
import { waitFor } from '../support/wait-for.js';

/** What is sent, as it was when this was last changed: fewer is progress, more has to be worth it. */
const COSTS = {
  addAlone: { sqlite: 3, mariadb: 1, mysql: 1, postgres: 1 },
  addFiftyAtOnce: { sqlite: 3, mariadb: 2, mysql: 2, postgres: 1 },
  addInBulk: { sqlite: 3, mariadb: 2, mysql: 2, postgres: 1 },
  addWithFreeKey: { sqlite: 4, mariadb: 7, mysql: 7, postgres: 5 },
  addWithTakenKey: { sqlite: 4, mariadb: 6, mysql: 6, postgres: 5 },
  successOfHundred: { sqlite: 13, mariadb: 15, mysql: 16, postgres: 13 },
  failureOfHundred: { sqlite: 14, mariadb: 16, mysql: 16, postgres: 14 },
  /** 11 claims, the last of which finds nothing, also when it looks from the start, and 10 times all the rest. */
  drainOfThousand: { sqlite: 136, mariadb: 158, mysql: 168, postgres: 137 },
} satisfies Record<string, Record<DatabaseKind, number>>;

/** How the databases differ in what is otherwise the same. */
interface Words {
  readonly begin: readonly string[];
  readonly commit: readonly string[];
  /** SQLite has a transaction around every write. */
  readonly loneWriteIn: 'transaction' | 'nothing';
  /** What is asked before many are added by one INSERT. */
  readonly ahead?: string;
  readonly lockRow: string;
  /** Where it is one statement or two. */
  readonly deleteFree: readonly string[];
  /** A lone task that begins as it is added: in a transaction, or by one statement. */
  readonly addRunning: readonly string[] | string;
}

const MARK = 'UPDATE tbl_redo_worker';
const LOCK_ROW = 'SELECT tbl_pessimistic_lock FOR UPDATE';
/** What is set for a transaction is set back after it; nobody waits for that. */
const MYSQL: Words = {
  begin: ['SET @redo_silence', 'START TRANSACTION'],
  commit: ['COMMIT', 'SET SESSION'],
  loneWriteIn: 'nothing',
  ahead: 'SELECT @@auto_increment_increment',
  lockRow: LOCK_ROW,
  deleteFree: ['SELECT tbl_redotask FOR UPDATE', 'DELETE tbl_redotask'],
  addRunning: ['INSERT tbl_redotask', 'SELECT tbl_redotask', MARK],
};
const WORDS: Readonly<Record<DatabaseKind, Words>> = {
  sqlite: {
    begin: ['BEGIN IMMEDIATE'],
    commit: ['COMMIT'],
    loneWriteIn: 'transaction',
    lockRow: 'UPDATE tbl_pessimistic_lock',
    deleteFree: ['DELETE tbl_redotask'],
    addRunning: ['INSERT tbl_redotask', MARK],
  },
  mariadb: {
    ...MYSQL,
    deleteFree: ['SET tbl_redotask'],
    addRunning: 'BEGIN tbl_redotask, tbl_redo_worker',
  },
  mysql: MYSQL,
  postgres: {
    begin: ['START TRANSACTION', 'SET TRANSACTION'],
    commit: ['COMMIT'],
    loneWriteIn: 'nothing',
    lockRow: LOCK_ROW,
    deleteFree: ['DELETE tbl_redotask FOR UPDATE'],
    addRunning: 'WITH tbl_redotask, tbl_redo_worker',
  },
};

/** All that is sent for a lone task that an idle worker adds, and that succeeds there. */
function lifeOfLone({ begin, commit, deleteFree, addRunning }: Words): string[] {
  const transaction = (...statements: string[]) => [...begin, ...statements, ...commit];
  return [
    ...(typeof addRunning === 'string' ? [addRunning] : transaction(...addRunning)),
    ...transaction(...deleteFree, 'UPDATE tbl_redo_worker'),
  ];
}

/** All that is sent for one call's tasks that succeed at an idle worker. */
function lifeOfOne({ begin, commit, loneWriteIn, lockRow, deleteFree, ahead }: Words): string[] {
  const transaction = (...statements: string[]) => [...begin, ...statements, ...commit];
  const loneWrite = (statement: string) =>
    loneWriteIn === 'transaction' ? transaction(statement) : [statement];
  const claim = transaction(lockRow, LOOK, 'UPDATE tbl_redo_worker');
  const read = ['SELECT tbl_redo_worker, tbl_redotask'];
  const start = loneWrite('UPDATE tbl_redo_worker');
  const settle = transaction(...deleteFree, 'UPDATE tbl_redo_worker');
  const asked = ahead ? [ahead] : [];
  return [...asked, ...loneWrite('INSERT tbl_redotask'), ...claim, ...read, ...start, ...settle];
}

const LOOK = 'SELECT tbl_redo_worker, tbl_redo_pause, tbl_redotask';
const HOUR = 3_600_000;
/** A definition alone: its tasks are added and stay as they are. */
const definition = {};
const range = (count: number) => Array.from({ length: count }, (_, index) => index);

forEachDatabase((database) => {
  const { kind } = database;
  let schema: TestDatabase;
  const apps: TestApp[] = [];
  const log = new StatementLog();
  const heads = () => log.statements.map(({ text }) => headOf(asReadBy(kind, text)));

  /** An instance that does only what it is told to. */
  const quiet: TestAppOptions['options'] = {
    schedule: { cron: '0 0 0 1 1 *' },
    lease: HOUR,
    defaults: { timeout: HOUR, backoff: { type: 'fixed', delay: HOUR } },
  };
  const start = async ({ options, ...settings }: TestAppOptions) => {
    const app = await startApp(schema, { ...settings, options: { ...quiet, ...options } });
    apps.push(app);
    return app;
  };
  const startProducer = () => start({ handlers: { job: definition }, options: { worker: false } });
  /** Its statements are noted, and nothing can come between them. */
  const startWatched = async (settings: TestAppOptions) => {
    const app = await start({ ...settings, dataSource: { ...log.options(schema), poolSize: 1 } });
    if (settings.options?.worker !== false) {
      await waitFor(() => heads().includes(LOOK), { what: 'its first look' });
      // Answered after it.
      await app.redo.count();
    }
    return app;
  };

  /** What is sent meanwhile: all of it, as the server or its driver counts it too. */
  async function sentIn(app: TestApp, doing: () => Promise<unknown>): Promise<string[]> {
    const roundTrips = kind === 'sqlite' ? undefined : roundTripsOf(app.dataSource);
    const before = await roundTrips?.();
    log.clear();
    await doing();
    // Answered after everything, also what nobody waits for.
    const after = await roundTrips?.();
    const sent = heads().filter((head) => head !== 'SHOW SESSION');
    if (after !== undefined && after - before! !== sent.length)
      throw new Error(`${after - before!} round trips, not those of\n${sent.join('\n')}`);
    return sent;
  }

  async function expectCost(
    name: keyof typeof COSTS,
    app: TestApp,
    doing: () => Promise<unknown>,
  ): Promise<void> {
    const sent = await sentIn(app, doing);
    if (sent.length !== COSTS[name][kind])
      throw new Error(`${sent.length} statements, not ${COSTS[name][kind]}:\n${sent.join('\n')}`);
  }

  beforeAll(async () => {
    schema = await createRedoDatabase(database);
  });
  afterEach(async () => {
    Reflect.deleteProperty(performance, 'now');
    await Promise.all(apps.splice(0).map((app) => app.close()));
    log.clear();
    for (const table of ['tbl_redotask', 'tbl_redo_worker']) await schema.query(`DELETE FROM ${table}`);
  });
  afterAll(() => schema.drop());

  describe('adding costs', () => {
    let app: TestApp;
    const watchedProducer = async () => {
      app = await startWatched({ handlers: { job: definition }, options: { worker: false } });
    };

    test('one INSERT for a lone task', async () => {
      await watchedProducer();
      await expectCost('addAlone', app, () => app.redo.addRedoTask('job', {}));
      expect(heads()).toContain('INSERT tbl_redotask');
    });

    test('one INSERT for 50 callers at once', async () => {
      await watchedProducer();
      await expectCost('addFiftyAtOnce', app, () =>
        Promise.all(range(50).map((index) => app.redo.addRedoTask('job', { index }))),
      );
      expect(await app.redo.count()).toBe(50);
    });

    test('one INSERT for 1,000 tasks in one call', async () => {
      await watchedProducer();
      await expectCost('addInBulk', app, () => app.redo.addRedoTasks('job', range(1_000)));
      expect(await app.redo.count()).toBe(1_000);
    });

    test('one INSERT in the caller’s transaction, and nothing else', async () => {
      await watchedProducer();
      const sent = await sentIn(app, () =>
        app.dataSource.transaction((manager) => app.redo.addRedoTask('job', {}, { manager })),
      );
      expect(sent).toEqual([
        expect.stringMatching(/^(START|BEGIN) TRANSACTION$/),
        'INSERT tbl_redotask',
        'COMMIT',
      ]);
    });

    test('a look for its key beside, where it has one', async () => {
      await watchedProducer();
      const add = () => app.redo.addRedoTask('job', {}, { dedupeKey: 'key' });
      await expectCost('addWithFreeKey', app, add);
      await expectCost('addWithTakenKey', app, add);
    });
  });

  describe('running costs', () => {
    /** An idle worker, and tasks that it was not told of. Their handlers wait for the gate of their hundred. */
    async function startDrain(tasks: number, concurrency: number, outcome = RedoResult.SUCCESS) {
      const gates = range(10).map(() => gate());
      const handle = async (index: number) => {
        await gates[Math.floor(index / 100)]?.passed;
        return outcome;
      };
      const app = await startWatched({ handlers: { job: handle }, options: { concurrency } });
      const adding = await startProducer();
      await adding.redo.addRedoTasks('job', range(tasks));
      const begun = (count: number) =>
        waitFor(() => app.all('started').length === count, { what: `${count} to begin` });
      return { app, gates, begun };
    }

    test.each([
      ['a lone task', 1, lifeOfLone],
      ['two of one call', 2, lifeOfOne],
    ] as const)('these statements for %s, in this order', async (_, tasks, lifeOf) => {
      const app = await startWatched({ handlers: { job: () => {} } });
      const sent = await sentIn(app, async () => {
        for (let count = 0; count < 3; count += 1) {
          const added = await app.redo.addRedoTasks('job', range(tasks));
          for (const { id } of added) await app.told('succeeded', id);
        }
      });
      const life = lifeOf(WORDS[kind]);
      expect(sent).toEqual([...life, ...life, ...life]);
    });

    test.each([
      ['succeed', 'successOfHundred', RedoResult.SUCCESS],
      ['fail', 'failureOfHundred', RedoResult.BIZ_ERROR],
    ] as const)('no more for 100 that %s at once', async (_, name, outcome) => {
      const { app, gates, begun } = await startDrain(100, 200, outcome);
      await expectCost(name, app, async () => {
        const pass = app.redo.redrive();
        await begun(100);
        gates[0]!.open();
        await pass;
      });
      expect(app.all(outcome === RedoResult.SUCCESS ? 'succeeded' : 'failed')).toHaveLength(100);
    });

    test('no more for each 100 of 1,000, and one claim that finds nothing', async () => {
      const { app, gates, begun } = await startDrain(1_000, 100);
      // What it has begun lately is what it claims ahead: that must not depend on how fast this machine is.
      const now = performance.now();
      performance.now = () => now;
      const claims = () => heads().filter((head) => head === WORDS[kind].lockRow).length;
      await expectCost('drainOfThousand', app, async () => {
        const pass = app.redo.redrive();
        for (const [wave, { open }] of gates.entries()) {
          await begun(100 * (wave + 1));
          await waitFor(() => claims() === wave + 2, { what: 'the next 100 to be claimed' });
          open();
        }
        await pass;
      });
      expect(app.all('succeeded')).toHaveLength(1_000);
    });
  });

  test.each([
    [499, 'one look', [LOOK]],
    [500, 'one more, at what the other has', ['SELECT tbl_redo_worker, tbl_redo_pause', LOOK]],
  ])('beside another instance a claim of %d costs %s', async (concurrency, _, looks) => {
    const handlers = { job: () => {} };
    await start({ handlers, options: { concurrency } });
    await waitFor(async () => (await schema.query('SELECT id FROM tbl_redo_worker')).length === 1, {
      what: 'the other instance',
    });
    const app = await startWatched({ handlers, options: { concurrency } });
    const adding = await startProducer();
    await adding.redo.addRedoTasks('job', range(3));
    const sent = await sentIn(app, () => app.redo.redrive());
    const locked = sent.indexOf(WORDS[kind].lockRow);
    expect(sent.slice(locked + 1, sent.indexOf('UPDATE tbl_redo_worker'))).toEqual(looks);
  });

  if (kind === 'mariadb')
    test('a lone task costs what it does on MySQL, but for the look at its row, where TypeORM is told that it is one', async () => {
      const handlers = { job: () => {} };
      const dataSource = { ...log.options(schema), type: 'mysql', poolSize: 1 };
      const app = await start({ handlers, dataSource });
      await waitFor(() => heads().includes(LOOK), { what: 'its first look' });
      await app.redo.count();
      const sent = await sentIn(app, async () => {
        const { id } = await app.redo.addRedoTask('job', {});
        await app.told('succeeded', id);
      });
      expect(sent).toEqual(lifeOfLone({ ...WORDS.mariadb, addRunning: ['INSERT tbl_redotask', MARK] }));
    });

  test('a claim that does not get the lock row costs one statement from the second try on', async () => {
    const app = await startWatched({ handlers: { job: () => {} } });
    const adding = await startProducer();
    await adding.redo.addRedoTasks('job', range(2));
    // To a claim that is the same as if somebody had it locked, until it is created anew.
    await schema.query('DELETE FROM tbl_pessimistic_lock');
    const { begin, commit, lockRow, loneWriteIn } = WORDS[kind];
    const sent = await sentIn(app, () => app.redo.redrive());
    const ask = loneWriteIn === 'transaction' ? [...begin, lockRow, ...commit] : [lockRow];
    const create = [...begin, 'SELECT tbl_pessimistic_lock', 'INSERT tbl_pessimistic_lock', ...commit];
    const tries = [...begin, lockRow, ...commit, ...ask, ...ask, ...ask, ...ask, ...create, ...ask];
    expect(sent.slice(0, tries.length)).toEqual(tries);
    expect(sent.slice(tries.length, tries.length + begin.length + 2)).toEqual([...begin, lockRow, LOOK]);
  });

  test('an idle tick costs one SELECT, which is answered while a stranger has everything locked', async () => {
    const adding = await startProducer();
    await adding.redo.addRedoTasks('job', range(100), { delay: HOUR });
    const app = await startWatched({
      handlers: { job: () => {} },
      // No sweep either.
      options: { retention: { dead: Infinity, succeeded: Infinity } },
    });
    const job = app.nest.get(SchedulerRegistry).getCronJob(REDRIVE_JOB);
    const unlock = await lockEverything(schema);
    try {
      const sent = await sentIn(app, async () => {
        for (const tick of range(5)) {
          await job.fireOnTick();
          await waitFor(() => log.statements.length > tick, { what: 'the tick to ask' });
        }
      });
      expect(sent).toEqual(range(5).map(() => LOOK));
    } finally {
      unlock();
    }
    expect(app.all('trouble')).toEqual([]);
  });
});
