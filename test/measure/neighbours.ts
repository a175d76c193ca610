/**
 * How long a task of one type waits beside 10,000 tasks of another whose handler always throws, and how long without them.
 *
 *   npm run build && MARIADB_URL=… node dist/test/measure/neighbours.js sqlite mariadb
 *
 * One process, default options, an empty handler; a task every 25 ms, from its commit to the begin of its handler. The
 * throwing ones are tried for ever, again a second after each failure, so that there are always thousands due.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { setTimeout as pause } from 'node:timers/promises';
import { createDatabase } from '../support/create-database.js';
import { migrate, startApp, type TestApp } from '../support/redo-app.js';
import { SERVER_KINDS } from '../support/server-kinds.js';
import { type TestDatabase } from '../support/test-database.js';
import { DATABASE_KINDS, type DatabaseKind, publishTestRun } from '../support/test-run.js';
import { waitFor } from '../support/wait-for.js';

const THROWING = 10_000;
const MEASURED = 400;
const EVERY = 25;
const ROUNDS = 3;

interface Delays {
  readonly p50: number;
  readonly p99: number;
  readonly most: number;
  /** Attempts of throwing tasks that began meanwhile. */
  readonly attempts: number;
}

async function delaysBeside(database: TestDatabase, throwing: number): Promise<Delays> {
  const began = new Map<number, number>();
  let attempts = 0;
  const app = await startApp(database, {
    handlers: {
      broken: {
        policy: { tryForever: true, backoff: { type: 'fixed', delay: 1_000 } },
        handle: () => {
          attempts += 1;
          throw new Error('always');
        },
      },
      mail: (number: number) => void began.set(number, performance.now()),
    },
    options: { schedule: { interval: 1_000 } },
  });
  try {
    await addThrowing(app, throwing);
    await waitFor(() => attempts >= Math.min(throwing, 1_000), { what: 'throwing tasks to be under way' });
    const before = attempts;
    const delays: number[] = [];
    for (let number = 0; number < MEASURED; number += 1) {
      await app.redo.addRedoTask('mail', number);
      const committed = performance.now();
      await waitFor(() => began.has(number), { what: `mail ${number}`, interval: 1 });
      delays.push(Math.max(0, began.get(number)! - committed));
      await pause(EVERY);
    }
    return { ...summary(delays), attempts: attempts - before };
  } finally {
    await app.close();
    await database.query('DELETE FROM tbl_redotask');
  }
}

async function addThrowing(app: TestApp, count: number): Promise<void> {
  if (count === 0) return;
  const list = Array.from({ length: count }, (_, index) => index);
  await app.dataSource.transaction((manager) => app.redo.addRedoTasks('broken', list, { manager }));
}

function summary(delays: readonly number[]): Omit<Delays, 'attempts'> {
  const sorted = [...delays].sort((one, other) => one - other);
  const at = (share: number) => sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? NaN;
  return { p50: at(0.5), p99: at(0.99), most: at(1) };
}

const shown = ({ p50, p99, most, attempts }: Delays) =>
  `p50 ${p50.toFixed(1)} ms, p99 ${p99.toFixed(1)} ms, most ${most.toFixed(1)} ms, ${attempts} throwing attempts meanwhile`;

const urlOf = (kind: DatabaseKind): string => {
  if (kind === 'sqlite') return '';
  const { urlVariable } = SERVER_KINDS[kind];
  const url = process.env[urlVariable];
  if (!url) throw new Error(`set ${urlVariable} to measure on ${kind}`);
  return url;
};

const kinds = process.argv.slice(2) as DatabaseKind[];
for (const kind of kinds)
  if (!DATABASE_KINDS.includes(kind)) throw new Error(`"${kind}"; allowed: ${DATABASE_KINDS.join(', ')}`);
const directory = await mkdtemp(join(tmpdir(), 'redo-measure-'));
publishTestRun({ id: `measure${process.pid}`, directory, databases: [], leftOut: [] });
for (const kind of kinds) {
  const database = await createDatabase(kind, urlOf(kind));
  await migrate(database);
  for (let round = 1; round <= ROUNDS; round += 1) {
    console.log(`${kind}, round ${round}, without      : ${shown(await delaysBeside(database, 0))}`);
    console.log(
      `${kind}, round ${round}, beside ${THROWING}: ${shown(await delaysBeside(database, THROWING))}`,
    );
  }
  await database.drop();
}
await rm(directory, { recursive: true });
