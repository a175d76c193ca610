/**
 * What a claim, a begin, a settling, an idle tick cost: time and bytes of the server's log; and how a claim's time grows with
 * the backlog, task types, instances and what others hold. The tables of docs/performance.md.
 *
 *   npm run build && MARIADB_URL=… node dist/test/measure/costs.js mariadb postgres
 *
 * The statements are the library's own, one at a time, beside nothing else: medians of 30, on tasks with parameters of 100
 * bytes. The server must be idle otherwise: its log is everybody's.
 */
import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { DataSource } from 'typeorm';
import { begin } from '../../lib/store/begin.js';
import { claim, lockResource, readClaimed } from '../../lib/store/claim.js';
import { type Database } from '../../lib/store/database.js';
import { databaseOf } from '../../lib/store/database.factory.js';
import { lookForFree } from '../../lib/store/free.sight.js';
import { insertTasks, type NewTask } from '../../lib/store/insert.js';
import { register, type WorkerIdentity } from '../../lib/store/ledger.js';
import { Holding } from '../../lib/store/ledger.text.js';
import { ensureLockRow } from '../../lib/store/lock.row.js';
import { settle } from '../../lib/store/settle.js';
import { Turns } from '../../lib/store/turn.js';
import { createDatabase } from '../support/create-database.js';
import { ownsNothing } from '../support/owns-nothing.js';
import { APPLICATION, migrate } from '../support/redo-app.js';
import { SERVER_KINDS, type ServerKindName } from '../support/server-kinds.js';
import { type TestDatabase } from '../support/test-database.js';
import { publishTestRun } from '../support/test-run.js';

const TIMES = 30;
/** Tasks of one claim. */
const BATCH = 100;
const DAY = 86_400_000;
const nothing = () => new Holding();

/** One instance's statements, without the engine that chooses among them. */
class Instance {
  private readonly turns = new Turns();
  private readonly identity: WorkerIdentity;
  private held: number[] = [];

  constructor(
    private readonly database: Database,
    private readonly types: readonly string[],
  ) {
    const handlers = () => this.types;
    this.identity = {
      id: randomUUID(),
      applicationName: APPLICATION,
      host: 'here',
      pid: 1,
      handlers,
      lease: DAY,
    };
  }

  async register(): Promise<void> {
    const { dialect } = this.database;
    const { identity } = this;
    await this.database.transaction(function* () {
      yield* ensureLockRow(dialect, lockResource(APPLICATION));
      yield* register(dialect, identity);
    });
  }

  add(count: number): Promise<unknown> {
    const task = (type: string): NewTask => ({
      applicationName: APPLICATION,
      redoTaskId: type,
      maxAttempts: 10,
      tryForever: false,
      reqParam: JSON.stringify({ params: { orderId: 'o-123456789', text: 'x'.repeat(70) } }),
      due: { in: 0 },
      expiry: null,
      dedupeKey: null,
    });
    const tasks = Array.from({ length: count }, (_, index) =>
      task(this.types[index % this.types.length] ?? ''),
    );
    return this.database.autocommit(() => insertTasks(this.database.dialect, tasks));
  }

  /** @param heldElsewhere how many of the first type others have, as an instance knows from its last look */
  look(heldElsewhere = 0): Promise<unknown> {
    const wanted = new Map(this.types.map((type) => [type, 1]));
    const others = { workers: 0, held: new Map([[this.types[0] ?? '', heldElsewhere]]) };
    return this.database.read(() =>
      lookForFree(
        this.database.dialect,
        this.identity,
        ownsNothing,
        { perType: wanted, after: new Map() },
        others,
      ),
    );
  }

  /** @param heldElsewhere as for `look` */
  async claim(count: number, heldElsewhere = 0): Promise<void> {
    const perType = new Map(this.types.map((type) => [type, count]));
    const appetite = { total: count, perType, after: new Map(), lastServed: undefined };
    const others = { workers: 0, held: new Map([[this.types[0] ?? '', heldElsewhere]]) };
    const claimed = await this.turn((turn) =>
      this.database.transaction(() =>
        claim(this.database.dialect, this.identity, turn, ownsNothing, appetite, others),
      ),
    );
    if (claimed.kind !== 'claimed' || claimed.taken.length !== count)
      throw new Error(`took ${JSON.stringify(claimed)}`);
    this.held = claimed.taken.map(({ id }) => id);
  }

  async read(): Promise<void> {
    await this.database.read(() => readClaimed(this.database.dialect, this.identity.id, this.held));
  }

  async begin(): Promise<void> {
    const holding = () => {
      const running = nothing();
      for (const id of this.held) running.run(this.types[0] ?? '', id, 1);
      return running;
    };
    await this.turn((turn) =>
      this.database.autocommit(() => begin(this.database.dialect, this.identity, turn, holding, 0)),
    );
  }

  async settle(how: 'again' | 'succeeded'): Promise<void> {
    const settlements = this.held.map((id) =>
      how === 'succeeded'
        ? ({ kind: 'succeeded', id, before: 0, execTimes: 1 } as const)
        : ({ kind: 'again', id, before: 0, execTimes: 1, delay: DAY, errors: ERRORS } as const),
    );
    const settling = { settlements, keepSucceeded: false, mayBet: true, holding: nothing };
    await this.turn((turn) =>
      this.database.transaction(() => settle(this.database.dialect, this.identity, turn, settling)),
    );
    this.held = [];
  }

  private async turn<T>(write: (turn: ReturnType<Turns['next']>) => Promise<T>): Promise<T> {
    const turn = this.turns.next();
    try {
      return await write(turn);
    } finally {
      turn.leave();
    }
  }
}

const ERRORS = JSON.stringify([
  {
    attempt: 1,
    message: 'the partner answered 503',
    stack: 'Error: the partner answered 503'.padEnd(400, '.'),
    time: 1,
    host: 'here',
  },
]);

/** Bytes that the server has written to its log (redo log, WAL) since it started. */
async function logBytes(kind: ServerKindName, database: TestDatabase): Promise<number> {
  if (kind === 'postgres') {
    const [row] = await database.query<{ at: number | string }>(
      `SELECT pg_current_wal_insert_lsn() - '0/0' AS at`,
    );
    return Number(row?.at);
  }
  const [row] = await database.query<{ Value: string }>(`SHOW GLOBAL STATUS LIKE 'Innodb_os_log_written'`);
  return Number(row?.Value);
}

interface Cost {
  readonly ms: number;
  readonly bytes: number;
}

const median = (values: readonly number[]) =>
  [...values].sort((one, other) => one - other)[values.length >> 1] ?? NaN;

/** Its median time, and its bytes of log on average: a server writes them in blocks. */
async function costsOf(
  kind: ServerKindName,
  database: TestDatabase,
  steps: Readonly<Record<string, () => Promise<unknown>>>,
): Promise<Map<string, Cost>> {
  const times = new Map<string, number[]>();
  const bytes = new Map<string, number>();
  for (let round = 0; round < TIMES; round += 1)
    for (const [name, step] of Object.entries(steps)) {
      const before = await logBytes(kind, database);
      const began = performance.now();
      await step();
      times.set(name, [...(times.get(name) ?? []), performance.now() - began]);
      bytes.set(name, (bytes.get(name) ?? 0) + (await logBytes(kind, database)) - before);
    }
  return new Map(
    [...times].map(([name, all]) => [name, { ms: median(all), bytes: (bytes.get(name) ?? 0) / TIMES }]),
  );
}

async function medianOf(step: () => Promise<unknown>): Promise<number> {
  const times: number[] = [];
  for (let round = 0; round < TIMES; round += 1) {
    const began = performance.now();
    await step();
    times.push(performance.now() - began);
  }
  return median(times);
}

/** Medians of a claim and of an idle tick, ms. */
const growth = async (instance: Instance, heldElsewhere = 0): Promise<[number, number]> => [
  await medianOf(() => instance.claim(BATCH, heldElsewhere)),
  await medianOf(() => instance.look(heldElsewhere)),
];

/** Not by DELETE, which leaves the server something to do for a while. */
async function emptied(database: TestDatabase): Promise<void> {
  for (const table of ['tbl_redotask', 'tbl_redo_worker']) await database.query(`TRUNCATE TABLE ${table}`);
}

const row = (...cells: readonly (number | string)[]) =>
  console.log(
    `| ${cells.map((cell) => (typeof cell === 'number' ? cell.toFixed(cell < 10 ? 1 : 0) : cell)).join(' | ')} |`,
  );

async function measure(kind: ServerKindName, database: TestDatabase, dataSource: DataSource): Promise<void> {
  const store = databaseOf(dataSource, 5_000);
  const start = async (types: readonly string[] = ['job']) => {
    const instance = new Instance(store, types);
    await instance.register();
    return instance;
  };

  console.log(`\n${kind}: one step with ${BATCH} tasks\n`);
  row('step', 'ms', 'bytes of log');
  const instance = await start();
  await instance.add(BATCH);
  const costs = await costsOf(kind, database, {
    'add 1': () => instance.add(1),
    'add 1,000 in one call': () => instance.add(1_000),
    'idle tick': () => instance.look(),
    claim: () => instance.claim(BATCH),
    read: () => instance.read(),
    begin: () => instance.begin(),
    'settle, succeeded': () => instance.settle('succeeded'),
  });
  const failing = await costsOf(kind, database, {
    claim: () => instance.claim(BATCH),
    'settle, failed': () => instance.settle('again'),
  });
  for (const [name, { ms, bytes }] of [...costs, ...[...failing].slice(1)])
    row(name, ms, String(Math.round(bytes)));

  console.log(`\n${kind}: how a claim of ${BATCH} grows\n`);
  row('with', 'claim, ms', 'idle tick, ms');
  let due = 0;
  await emptied(database);
  const drainer = await start();
  for (const backlog of [1_000, 10_000, 100_000, 1_000_000]) {
    for (; due < backlog; due += 1_000) await drainer.add(1_000);
    row(`${backlog.toLocaleString('en')} due`, ...(await growth(drainer)));
  }
  for (const count of [1, 10, 50, 200]) {
    await emptied(database);
    const types = Array.from({ length: count }, (_, index) => `type-${index}`);
    const busy = await start(types);
    for (let added = 0; added < 20_000; added += 1_000) await busy.add(1_000);
    row(`${count} types, all busy`, ...(await growth(busy)));
  }
  for (const count of [1, 10, 50]) {
    await emptied(database);
    for (let others = 1; others < count; others += 1) await start();
    const one = await start();
    for (let added = 0; added < 10_000; added += 1_000) await one.add(1_000);
    row(`${count} instances`, ...(await growth(one)));
  }
  for (const held of [0, 1_000, 5_000, 20_000]) {
    await emptied(database);
    const one = await start();
    for (let added = 0; added < held + 10_000; added += 1_000) await one.add(1_000);
    const ids = await database.query<{ id: number }>(
      'SELECT id FROM tbl_redotask ORDER BY next_exec_time, id LIMIT ?',
      [held],
    );
    await start();
    const holding = nothing();
    for (const { id } of ids) holding.hold('job', Number(id));
    await database.query("UPDATE tbl_redo_worker SET held = ? WHERE held = '{}' AND running = '{}'", [
      holding.held,
    ]);
    row(`${held.toLocaleString('en')} held by others`, ...(await growth(one, held)));
  }
}

const kinds = process.argv.slice(2) as ServerKindName[];
for (const kind of kinds)
  if (!(kind in SERVER_KINDS)) throw new Error(`"${kind}"; allowed: ${Object.keys(SERVER_KINDS).join(', ')}`);
const directory = await mkdtemp(join(tmpdir(), 'redo-measure-'));
publishTestRun({ id: `measure${process.pid}`, directory, databases: [], leftOut: [] });
for (const kind of kinds) {
  const { urlVariable } = SERVER_KINDS[kind];
  const url = process.env[urlVariable];
  if (!url) throw new Error(`set ${urlVariable} to measure on ${kind}`);
  const database = await createDatabase(kind, url);
  await migrate(database);
  const dataSource = await new DataSource(database.options()).initialize();
  await measure(kind, database, dataSource);
  await dataSource.destroy();
  await database.drop();
}
await rm(directory, { recursive: true });
