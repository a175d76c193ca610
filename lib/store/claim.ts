import type { Dialect } from './dialect.js';
import { type Elsewhere, type FreeSight, lookForFree, type OwnTasks } from './free.sight.js';
import { lockLapsed, type WorkerIdentity, writeOwnRow } from './ledger.js';
import type { Holding } from './ledger.text.js';
import type { Place } from './place.js';
import { withTaken } from './reached.js';
import { reap, type Reaped, typesOf } from './reap.js';
import type { DueTask, SeenWorker, Wanted } from './sight.js';
import { sql } from './sql.js';
import { lockFreeTasks } from './task.lock.js';
import { readPaused } from './task.reader.js';
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
      /** Types of which more may be due after what was dealt, each with the last place that was; undefined: none of it was dealt. */
      readonly more: ReadonlyMap<string, Place | undefined>;
    };

/** Whether nobody has the lock row just now. A statement alone: it lets go of the row at once. */
export function* isLockRowFree(dialect: Dialect, applicationName: string): Work<boolean> {
  const [lockRow] = yield* rows(dialect.lockRow(lockResource(applicationName)));
  return lockRow !== undefined;
}

/** One claim: the lock row, a look, the lapsed workers, the own row. Shorter than any handler; none runs inside it. */
export function* claim(
  dialect: Dialect,
  worker: WorkerIdentity,
  turn: Turn,
  own: OwnTasks,
  appetite: Appetite,
  elsewhere: Elsewhere,
): Work<Claim> {
  const [lockRow] = yield* rows(dialect.lockRow(lockResource(worker.applicationName)));
  if (!lockRow) return { kind: 'locked' };

  const sight = yield* lookForFree(dialect, worker, own, appetite, elsewhere);
  const { reaped, locked } = yield* reapLapsed(dialect, worker, sight.workers);
  const { dealt, more } = share(sight.due, appetite);
  const ended = yield* endExpired(
    dialect,
    dealt.filter(({ expired }) => expired).map(({ id }) => id),
  );
  const taken = dealt.filter(({ expired }) => !expired);
  const leftOver = dealt.filter(({ id, expired }) => expired && !ended.has(id));
  const reached = sight.reached && withTaken(sight.reached, dealt, sight.now);
  yield* writeOwnRow(dialect, worker, turn, () => holdingToo(own.holding(), taken), reached);
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

/** Claimed tasks, and how often somebody had knocked at their worker when they were read; undefined: none of them is there. */
export interface ReadTasks {
  readonly tasks: readonly DecodedTask[];
  readonly knocks: number | undefined;
}

/** What a worker holds, read again since somebody has knocked. */
export interface ReadAgain extends ReadTasks {
  /** The types that are. */
  readonly paused: ReadonlySet<string>;
}

/** In this order: whoever pauses a type between the two has not knocked when the tasks are read. */
export function* readAgain(
  dialect: Dialect,
  { id, applicationName }: WorkerIdentity,
  held: readonly number[],
): Work<ReadAgain> {
  const read = yield* readClaimed(dialect, id, held);
  return { ...read, paused: new Set(yield* readPaused(applicationName)) };
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
  const [first] = found;
  return { tasks: inOrderOf(ids, found.map(decodeTask)), knocks: first && Number(first.knocks) };
}

/** Rows come as their ids rise, which mostly is the order already. */
function inOrderOf(ids: readonly number[], tasks: readonly DecodedTask[]): readonly DecodedTask[] {
  if (tasks.length === ids.length && tasks.every(({ task }, at) => task.id === ids[at])) return tasks;
  const byId = new Map(tasks.map((each) => [each.task.id, each]));
  return ids.flatMap((id) => byId.get(id) ?? []);
}

/**
 * Deals the free places to the types that have due tasks, one each in turn, so that none starves another; and next time
 * whoever had the last place comes last.
 */
export function share(
  due: ReadonlyMap<string, readonly DueTask[]>,
  { total, perType, lastServed }: Pick<Appetite, 'total' | 'perType' | 'lastServed'>,
): { dealt: DueTask[]; more: Map<string, Place | undefined> } {
  const dealt: DueTask[] = [];
  const types = [...due.keys()].sort();
  const first = types.findIndex((type) => type > (lastServed ?? ''));
  const turns = [...types.slice(Math.max(0, first)), ...types.slice(0, Math.max(0, first))];
  const stacks = turns.map((type) => ({
    type,
    tasks: due.get(type) ?? [],
    most: perType.get(type) ?? 0,
    count: 0,
  }));
  for (let round = 0; dealt.length < total; round += 1) {
    const before = dealt.length;
    for (const stack of stacks) {
      const task = round < stack.most ? stack.tasks[round] : undefined;
      if (!task || dealt.length === total) continue;
      dealt.push(task);
      stack.count += 1;
    }
    if (dealt.length === before) break;
  }
  const unfinished = stacks.filter(({ tasks, most, count }) => tasks.length > count || tasks.length >= most);
  return { dealt, more: new Map(unfinished.map(({ type, tasks, count }) => [type, tasks[count - 1]])) };
}

function* reapLapsed(
  dialect: Dialect,
  self: WorkerIdentity,
  workers: readonly SeenWorker[],
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

function holdingToo(holding: Holding, taken: readonly DueTask[]): Holding {
  for (const { id, redoTaskId } of taken) holding.hold(redoTaskId, id);
  return holding;
}
