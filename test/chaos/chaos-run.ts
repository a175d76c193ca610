import { type TestDatabase } from '../support/test-database.js';
import { type DatabaseKind } from '../support/test-run.js';
import { waitFor } from '../support/wait-for.js';
import { type Arena, openArena } from './arena.js';
import { DEED_NAMES, deedOf } from './deeds.js';
import { Disturber } from './disturber.js';
import { type BacklogRecord, type Evidence } from './evidence.js';
import { livesOf, ordersOf, processOf } from './gather.js';
import { inMicroseconds, monotonic } from './monotonic.js';
import { Onlooker } from './onlooker.js';
import { planOf } from './plan.js';
import { LEASE } from './settings.js';
import { countPending, describePending, readOrderKeys, readRuns, readTasks } from './tables.js';

export interface ChaosOptions {
  readonly database: DatabaseKind;
  readonly seed: number;
  /** How long faults happen, ms. Starting before it and calming down after it come on top. */
  readonly lasts: number;
  /** No fault lasts longer, ms. */
  readonly longestFault?: number;
}

/** What is left of a run. */
export interface ChaosOutcome {
  readonly evidence: Evidence;
  /** Process → all that it told, for whoever looks for the cause of a violation. */
  readonly transcript: Readonly<Record<string, readonly string[]>>;
}

/** What a run looks like from outside while it goes on. */
export interface ChaosView {
  readonly arena: Arena;
  readonly disturber: Disturber;
}

const HEAVY = DEED_NAMES.filter((name) => deedOf(name).heavy);

/** What a service that is well has not done yet: what was added just now. */
const CAUGHT_UP = 50;

/** How long the backlog is waited for before it is called stuck, and for before the last fault comes anyway, ms. */
const STUCK = 45_000;

/** One database, one plan, and all that is known of it afterwards. */
export async function chaosRun(
  { database, seed, lasts, longestFault }: ChaosOptions,
  show: (view: ChaosView) => void,
): Promise<ChaosOutcome> {
  const plan = planOf(seed, database, longestFault);
  const arena = await openArena(database, seed, plan);
  const onlooker = new Onlooker(arena.database);
  const disturber = new Disturber(arena);
  const { fleet, producer } = arena;
  try {
    await fleet.start();
    await producer.waitForLine('ready');
    onlooker.start();
    show({ arena, disturber });

    const until = performance.now() + lasts;
    await Promise.all(Object.values(plan.lanes).map((lane) => disturber.disturb(lane, until)));
    producer.send('calm');
    // The last fault meets a service that is well.
    await isSoon(
      async () => (await countPending(arena.database)) <= CAUGHT_UP && (await countHeavy(arena)) === 0,
    );
    await fleet.allUp();

    // From here on nobody helps: what ends stays away.
    await fleet.abandon();
    await disturber.once(plan.last);
    const lastFaultOver = monotonic();
    producer.send('stop');
    await producer.waitForLine('produced');
    const backlog = await watchBacklog(arena.database, lastFaultOver);

    await fleet.stop();
    producer.kill('SIGTERM');
    await onlooker.stop();
    const evidence: Evidence = {
      database,
      lease: LEASE,
      deletesSucceeded: plan.deletesSucceeded,
      orders: ordersOf(producer, await readOrderKeys(arena.database)),
      tasks: await readTasks(arena.database),
      runs: await readRuns(arena.database),
      lives: livesOf(fleet.workers),
      processes: fleet.workers.map(processOf),
      faults: disturber.done,
      looks: onlooker.looks,
      backlog,
    };
    return { evidence, transcript: transcriptOf(arena) };
  } finally {
    await onlooker.stop();
    await arena.close();
  }
}

const countHeavy = ({ database }: Arena) => countPending(database, HEAVY);

function transcriptOf({ fleet, producer }: Arena): ChaosOutcome['transcript'] {
  const workers = fleet.workers.map(
    ({ slot, process }) => [`worker ${slot}, pid ${process.pid}`, process] as const,
  );
  return Object.fromEntries(
    [...workers, ['producer', producer] as const].map(([name, { lines, errors }]) => [
      name,
      [...lines, ...errors],
    ]),
  );
}

async function watchBacklog(database: TestDatabase, lastFaultOver: number): Promise<BacklogRecord> {
  const allowed = lastFaultOver + inMicroseconds(2 * LEASE) - monotonic();
  const isEmpty = async () => ((await countPending(database)) === 0 ? monotonic() : undefined);
  const inTime = await isSoon(isEmpty, allowed / 1_000);
  if (inTime) return { lastFaultOver, emptyAt: inTime, left: [] };
  const left = await describePending(database);
  return { lastFaultOver, emptyAt: await isSoon(isEmpty), left };
}

/** What the condition gives once it is truthy; undefined: it takes too long. */
function isSoon<T>(condition: () => Promise<T>, timeout = STUCK): Promise<NonNullable<T> | undefined> {
  return waitFor(condition, { timeout, interval: 50 }).catch(() => undefined);
}
