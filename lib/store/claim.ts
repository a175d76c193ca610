import type { Dialect } from './dialect.js';
import {
  type DueTask,
  type Holding,
  type LedgerEntry,
  lockLapsed,
  look,
  type Sight,
  type Wanted,
  type WorkerIdentity,
  writeOwnRow,
} from './ledger.js';
import { idsOf, lengthOf, rangesOf } from './id.ranges.js';
import { reap, type Reaped, typesOf } from './reap.js';
import { list, sql } from './sql.js';
import { lockFreeTasks } from './task.lock.js';
import { CLAIMED_COLUMNS, type ClaimedRow, decodeTask, type DecodedTask } from './task.row.js';
import type { Turn } from './turn.js';
import { rows, type Work } from './work.js';

export const lockResource = (applicationName: string) => `nestjs-redo:${applicationName}`;

/** How much a worker wants: in all, and of each task type. */
export interface Appetite {
  readonly total: number;
  readonly perType: ReadonlyMap<string, number>;
  /** The type that was served last: it comes last now. */
  readonly lastServed: string | undefined;
}

/** Task type → ids. */
export type IdsByType = ReadonlyMap<string, ReadonlySet<number>>;

/** A due task and the type it was dealt to. */
export interface DealtTask extends DueTask {
  readonly redoTaskId: string;
}

/** A sight whose due tasks are those that nobody has. */
export interface FreeSight extends Sight {
  /** What the other workers have of each type: the next look has to see past it. */
  readonly heldElsewhere: IdsByType;
  /** Types of which more may be free, since the others' rows change as fast as they are looked at. */
  readonly unsure: ReadonlySet<string>;
}

/** What one look under the lock row gave. */
export type Claim =
  | { readonly kind: 'locked' }
  | {
      readonly kind: 'claimed';
      readonly sight: FreeSight;
      /** What is this worker's now, in the order in which it was dealt. */
      readonly taken: readonly DealtTask[];
      /** What was due, had expired and is dead now. */
      readonly expired: readonly DealtTask[];
      /** Types to ask for again soon: somebody has something of them locked just now, or there may be more than was seen. */
      readonly passedOver: ReadonlySet<string>;
      readonly reaped: readonly Reaped[];
      /** Types of which more may be due than was taken. */
      readonly more: ReadonlySet<string>;
    };

/** One claim: the lock row, a look, the lapsed workers, the own row. Shorter than any handler; none runs inside it. */
export function* claim(
  dialect: Dialect,
  worker: WorkerIdentity,
  turn: Turn,
  holding: () => Holding,
  appetite: Appetite,
  heldElsewhere: IdsByType,
): Work<Claim> {
  const [lockRow] = yield* rows(dialect.lockRow(lockResource(worker.applicationName)));
  if (!lockRow) return { kind: 'locked' };

  const sight = yield* lookPastHeld(dialect, worker, holding, appetite.perType, heldElsewhere);
  const { reaped, locked } = yield* reapLapsed(dialect, worker, sight.workers);
  const { dealt, more } = share(sight.due, appetite);
  const ended = yield* endExpired(
    dialect,
    dealt.filter(({ expired }) => expired).map(({ id }) => id),
  );
  const taken = dealt.filter(({ expired }) => !expired);
  const leftOver = dealt.filter(({ id, expired }) => expired && !ended.has(id));
  yield* writeOwnRow(dialect, worker, turn, () => withTaken(holding(), taken));
  return {
    kind: 'claimed',
    sight,
    taken,
    expired: dealt.filter(({ id }) => ended.has(id)),
    passedOver: new Set([...locked, ...leftOver.map(({ redoTaskId }) => redoTaskId), ...sight.unsure]),
    reaped,
    more,
  };
}

/**
 * A look that sees past what this worker and the others have: those ids are mostly the longest due. Where they are many in a
 * row they are not even told; for the rest that many more are asked for, and left out here. The others' are known from the last
 * look: where that is outdated, and too little was found, it looks again, knowing better. Ids of a lapsed worker are left out
 * too until it is reaped; the next look has them.
 *
 * @param holding what this worker has: what it had before and settles while the look is under way is not due either
 */
export function* lookPastHeld(
  dialect: Dialect,
  worker: WorkerIdentity,
  holding: () => Holding,
  perType: ReadonlyMap<string, number>,
  heldElsewhere: IdsByType,
  looksLeft = 1,
): Work<FreeSight> {
  const before = holding();
  const mine = heldByType([before]);
  const known = (type: string) => [...(mine.get(type) ?? []), ...(heldElsewhere.get(type) ?? [])];
  const wanted = new Map([...perType].map(([type, most]) => [type, past(known(type), most)]));
  const sight = yield* look(dialect, worker.applicationName, wanted);
  const others = heldByType(sight.workers.filter(({ id }) => id !== worker.id));
  const own = heldByType([before, holding()]);
  const due = new Map<string, readonly DueTask[]>();
  const unsure = new Set<string>();
  for (const [type, most] of perType) {
    if (sight.paused.has(type)) continue;
    const tasks = sight.due.get(type) ?? [];
    const isFree = (id: number) => !others.get(type)?.has(id) && !own.get(type)?.has(id);
    const free = tasks.filter(({ id }) => isFree(id));
    if (free.length > 0) due.set(type, free);
    const { most: asked = 0, except = [] } = wanted.get(type) ?? {};
    const isCutShort =
      tasks.length === asked && (others.get(type)?.size ?? 0) > (heldElsewhere.get(type)?.size ?? 0);
    if (free.length < most && (isCutShort || except.some((range) => idsOf(range).some(isFree))))
      unsure.add(type);
  }
  if (unsure.size > 0 && looksLeft > 0)
    return yield* lookPastHeld(dialect, worker, holding, perType, others, looksLeft - 1);
  return { ...sight, due, heldElsewhere: others, unsure };
}

/** How many ranges one look leaves out of each type, and how short one is not worth its words. */
const MOST_RANGES = 20;
const SHORTEST_RANGE = 8;

function past(known: readonly number[], most: number): Wanted {
  const except = rangesOf(known)
    .filter((range) => lengthOf(range) >= SHORTEST_RANGE)
    .sort((one, other) => lengthOf(other) - lengthOf(one))
    .slice(0, MOST_RANGES);
  const told = known.length - except.reduce((sum, range) => sum + lengthOf(range), 0);
  return { most: most + told, except };
}

/** A claimed task as it was when somebody had knocked at its worker so often. */
export type ReadTask = DecodedTask & { readonly knocks: number };

/**
 * The rows of claimed ids, read after the claim is committed, and at the same moment how often somebody has knocked at the
 * worker. An id whose row is gone or finished is not among them.
 */
export function* readClaimed(workerId: string, ids: readonly number[]): Work<ReadTask[]> {
  const found = yield* rows<ClaimedRow & { knocks: number | string | null }>(sql`
    SELECT ${CLAIMED_COLUMNS}, (SELECT knocks FROM tbl_redo_worker WHERE id = ${workerId}) AS knocks
    FROM tbl_redotask
    WHERE id IN (${list(ids)}) AND status = 'PENDING'`);
  const byId = new Map(found.map((row) => [Number(row.id), row]));
  return ids
    .flatMap((id) => byId.get(id) ?? [])
    .map((row) => ({ ...decodeTask(row), knocks: Number(row.knocks) }));
}

/**
 * Deals the free places to the types that have due tasks, one each in turn, so that none starves another; and next time
 * whoever had the last place comes last.
 */
export function share(
  due: ReadonlyMap<string, readonly DueTask[]>,
  { total, perType, lastServed }: Appetite,
): { dealt: DealtTask[]; more: Set<string> } {
  const dealt: DealtTask[] = [];
  const types = [...due.keys()].sort();
  const first = types.findIndex((type) => type > (lastServed ?? ''));
  const turns = [...types.slice(Math.max(0, first)), ...types.slice(0, Math.max(0, first))];
  for (let round = 0; dealt.length < total; round += 1) {
    const before = dealt.length;
    for (const redoTaskId of turns) {
      const task = round < (perType.get(redoTaskId) ?? 0) ? due.get(redoTaskId)?.[round] : undefined;
      if (task && dealt.length < total) dealt.push({ ...task, redoTaskId });
    }
    if (dealt.length === before) break;
  }
  const countOf = (type: string) => dealt.filter(({ redoTaskId }) => redoTaskId === type).length;
  const unfinished = [...due].filter(
    ([type, tasks]) => tasks.length > countOf(type) || tasks.length >= (perType.get(type) ?? 0),
  );
  return { dealt, more: new Set(unfinished.map(([type]) => type)) };
}

function* reapLapsed(
  dialect: Dialect,
  self: WorkerIdentity,
  workers: readonly LedgerEntry[],
): Work<{ reaped: Reaped[]; locked: string[] }> {
  const reaped: Reaped[] = [];
  const locked: string[] = [];
  for (const { id, leaseLeft } of workers) {
    if (leaseLeft >= 0 || id === self.id) continue;
    const lapsed = yield* lockLapsed(dialect, id);
    const ended = lapsed && (yield* reap(dialect, lapsed));
    if (ended) reaped.push(ended);
    else if (lapsed) locked.push(...typesOf(lapsed));
  }
  return { reaped, locked };
}

/** @returns the ids that it ended; a task that somebody has locked just now is left for the next claim */
function* endExpired(dialect: Dialect, ids: readonly number[]): Work<ReadonlySet<number>> {
  if (ids.length === 0) return new Set();
  const { own } = yield* lockFreeTasks(dialect, ids);
  const ended = [...own.values()].filter(({ status }) => status === 'PENDING').map(({ id }) => Number(id));
  if (ended.length > 0)
    yield sql`
      UPDATE tbl_redotask
      SET status = 'DEAD', dead_reason = 'EXPIRED', next_exec_time = ${dialect.now}, dedupe_hash = NULL
      WHERE id IN (${list(ended)}) AND expire_time <= ${dialect.now}`;
  return new Set(ended);
}

function withTaken({ held, running }: Holding, taken: readonly DealtTask[]): Holding {
  const all = new Map(Object.entries(held).map(([type, ids]) => [type, [...ids]]));
  for (const { id, redoTaskId } of taken) {
    const ids = all.get(redoTaskId);
    if (ids) ids.push(id);
    else all.set(redoTaskId, [id]);
  }
  return { held: Object.fromEntries(all), running };
}

function heldByType(holdings: readonly Holding[]): Map<string, Set<number>> {
  const all = new Map<string, Set<number>>();
  const add = (type: string, id: number) => {
    const ids = all.get(type) ?? new Set<number>();
    all.set(type, ids.add(id));
  };
  for (const { held, running } of holdings) {
    for (const [type, ids] of Object.entries(held)) for (const id of ids) add(type, id);
    for (const [type, marks] of Object.entries(running)) for (const [id] of marks) add(type, id);
  }
  return all;
}
