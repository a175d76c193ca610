import type { Dialect } from './dialect.js';
import {
  type DueTask,
  type LedgerEntry,
  lockLapsed,
  look,
  type Sight,
  type Wanted,
  type WorkerIdentity,
  writeOwnRow,
} from './ledger.js';
import type { Holding } from './ledger.text.js';
import { reap, type Reaped, typesOf } from './reap.js';
import { sql } from './sql.js';
import { lockFreeTasks } from './task.lock.js';
import { CLAIMED_COLUMNS, type ClaimedRow, decodeTask, type DecodedTask, IS_PENDING } from './task.row.js';
import type { Turn } from './turn.js';
import { rows, type Work } from './work.js';

export const lockResource = (applicationName: string) => `nestjs-redo:${applicationName}`;

/** How much a worker wants: in all, and of each task type. */
export interface Appetite extends Wanted {
  readonly total: number;
  /** The type that was served last: it comes last now. */
  readonly lastServed: string | undefined;
}

/** What a worker has itself, as its memory has it when asked. */
export interface OwnTasks {
  /** Of each type. */
  counts(): ReadonlyMap<string, number>;
  /** As they are now, also when they have left since. */
  ids(): ReadonlySet<number>;
  has(id: number): boolean;
  /** As its row is to say it. */
  holding(): Holding;
}

/** A sight whose due tasks are those that nobody has. */
export interface FreeSight extends Sight {
  /** How many of each type the other workers have: what the next look has to see past. */
  readonly heldElsewhere: ReadonlyMap<string, number>;
  /** Types of which less was found than wanted after the place where the look went on: what comes before it was not seen. */
  readonly toLookForAgain: ReadonlySet<string>;
}

/** What one look under the lock row gave. */
export type Claim =
  | { readonly kind: 'locked' }
  | {
      readonly kind: 'claimed';
      readonly sight: FreeSight;
      /** What is this worker's now, in the order in which it was dealt. */
      readonly taken: readonly DueTask[];
      /** What was due, had expired and is dead now. */
      readonly expired: readonly DueTask[];
      /** Types of which something could not be ended or charged, since somebody has it locked just now. */
      readonly passedOver: ReadonlySet<string>;
      readonly reaped: readonly Reaped[];
      /** Types of which more may be due after what was taken. */
      readonly more: ReadonlySet<string>;
    };

/** One claim: the lock row, a look, the lapsed workers, the own row. Shorter than any handler; none runs inside it. */
export function* claim(
  dialect: Dialect,
  worker: WorkerIdentity,
  turn: Turn,
  own: OwnTasks,
  appetite: Appetite,
  heldElsewhere: ReadonlyMap<string, number>,
): Work<Claim> {
  const [lockRow] = yield* rows(dialect.lockRow(lockResource(worker.applicationName)));
  if (!lockRow) return { kind: 'locked' };

  const sight = yield* lookPastHeld(dialect, worker, own, appetite, heldElsewhere);
  const { reaped, locked } = yield* reapLapsed(dialect, worker, sight.workers);
  const { dealt, more } = share(sight.due, appetite);
  const ended = yield* endExpired(
    dialect,
    dealt.filter(({ expired }) => expired).map(({ id }) => id),
  );
  const taken = dealt.filter(({ expired }) => !expired);
  const leftOver = dealt.filter(({ id, expired }) => expired && !ended.has(id));
  yield* writeOwnRow(dialect, worker, turn, () => withTaken(own.holding(), taken));
  return {
    kind: 'claimed',
    sight,
    taken,
    expired: dealt.filter(({ id }) => ended.has(id)),
    passedOver: new Set([...locked, ...leftOver.map(({ redoTaskId }) => redoTaskId)]),
    reaped,
    more,
  };
}

/**
 * A look that sees past what others have: those ids are mostly the longest due, so that many more are asked for and then
 * left out. Ids of a lapsed worker are left out too until it is reaped; the next look has them. Where it went on after a place and
 * found nothing at all it looks again from the start; where it found something, that is not kept waiting.
 *
 * @param own what this worker has: what it had before and settles while the look is under way is not due either
 */
export function* lookPastHeld(
  dialect: Dialect,
  worker: WorkerIdentity,
  own: OwnTasks,
  wanted: Wanted,
  heldElsewhere: ReadonlyMap<string, number>,
): Work<FreeSight> {
  const { perType, after } = wanted;
  const before = own.ids();
  const ownCounts = own.counts();
  // What it has itself comes before the place where it goes on.
  const margin = (type: string) =>
    (heldElsewhere.get(type) ?? 0) + (after.has(type) ? 0 : (ownCounts.get(type) ?? 0));
  const asked = new Map([...perType].map(([type, most]) => [type, most + margin(type)]));
  const sight = yield* look(dialect, worker.applicationName, { perType: asked, after });
  const others = heldByType(sight.workers.filter(({ id }) => id !== worker.id));
  const due = new Map<string, readonly DueTask[]>();
  for (const [type, tasks] of sight.due) {
    const strange = others.get(type);
    const free = tasks.filter(({ id }) => !before.has(id) && !own.has(id) && !strange?.has(id));
    const full = tasks.length === asked.get(type) && free.length < (perType.get(type) ?? 0);
    if (full && sizeOf(others, type) > (heldElsewhere.get(type) ?? 0))
      return yield* lookPastHeld(dialect, worker, own, wanted, sizes(others));
    if (free.length > 0 && !sight.paused.has(type)) due.set(type, free);
  }
  const isShort = (type: string) => (due.get(type)?.length ?? 0) < (perType.get(type) ?? 0);
  const toLookForAgain = new Set([...perType.keys()].filter((type) => after.has(type) && isShort(type)));
  if (due.size > 0 || toLookForAgain.size === 0)
    return { ...sight, due, heldElsewhere: sizes(others), toLookForAgain };
  return yield* lookPastHeld(dialect, worker, own, { perType, after: new Map() }, sizes(others));
}

/** Claimed tasks, and how often somebody had knocked at their worker when they were read. */
export interface ReadTasks {
  readonly tasks: readonly DecodedTask[];
  readonly knocks: number;
}

/**
 * The rows of claimed ids, in that order, read after the claim is committed, and at the same moment how often somebody has knocked at
 * the worker. An id whose row is gone or finished is not among them.
 */
export function* readClaimed(dialect: Dialect, workerId: string, ids: readonly number[]): Work<ReadTasks> {
  const found = yield* rows<ClaimedRow & { knocks: number | string | null }>(sql`
    SELECT ${CLAIMED_COLUMNS}, (SELECT knocks FROM tbl_redo_worker WHERE id = ${workerId}) AS knocks
    FROM tbl_redotask
    WHERE ${dialect.idIsAmong(ids)} AND ${IS_PENDING}`);
  const byId = new Map<number, ClaimedRow>();
  for (const row of found) byId.set(Number(row.id), row);
  const tasks: DecodedTask[] = [];
  for (const id of ids) {
    const row = byId.get(id);
    if (row) tasks.push(decodeTask(row));
  }
  return { tasks, knocks: Number(found[0]?.knocks) };
}

/**
 * Deals the free places to the types that have due tasks, one each in turn, so that none starves another; and next time
 * whoever had the last place comes last.
 */
export function share(
  due: ReadonlyMap<string, readonly DueTask[]>,
  { total, perType, lastServed }: Omit<Appetite, 'after'>,
): { dealt: DueTask[]; more: Set<string> } {
  const dealt: DueTask[] = [];
  const types = [...due.keys()].sort();
  const first = types.findIndex((type) => type > (lastServed ?? ''));
  const turns = [...types.slice(Math.max(0, first)), ...types.slice(0, Math.max(0, first))];
  for (let round = 0; dealt.length < total; round += 1) {
    const before = dealt.length;
    for (const redoTaskId of turns) {
      const task = round < (perType.get(redoTaskId) ?? 0) ? due.get(redoTaskId)?.[round] : undefined;
      if (task && dealt.length < total) dealt.push(task);
    }
    if (dealt.length === before) break;
  }
  const counts = new Map<string, number>();
  for (const { redoTaskId } of dealt) counts.set(redoTaskId, (counts.get(redoTaskId) ?? 0) + 1);
  const unfinished = [...due].filter(
    ([type, tasks]) => tasks.length > (counts.get(type) ?? 0) || tasks.length >= (perType.get(type) ?? 0),
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
      WHERE ${dialect.idIsAmong(ended)} AND expire_time <= ${dialect.now}`;
  return new Set(ended);
}

function withTaken(holding: Holding, taken: readonly DueTask[]): Holding {
  for (const { id, redoTaskId } of taken) holding.hold(redoTaskId, id);
  return holding;
}

function heldByType(workers: readonly LedgerEntry[]): Map<string, Set<number>> {
  const all = new Map<string, Set<number>>();
  const add = (type: string, id: number) => {
    const ids = all.get(type) ?? new Set<number>();
    all.set(type, ids.add(id));
  };
  for (const { held, running } of workers) {
    for (const [type, ids] of Object.entries(held)) for (const id of ids) add(type, id);
    for (const [type, marks] of Object.entries(running)) for (const [id] of marks) add(type, id);
  }
  return all;
}

type IdsByType = ReadonlyMap<string, ReadonlySet<number>>;

const sizeOf = (held: IdsByType, type: string) => held.get(type)?.size ?? 0;
const sizes = (held: IdsByType) => new Map([...held].map(([type, ids]) => [type, ids.size]));
