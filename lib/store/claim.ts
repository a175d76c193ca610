import type { Dialect } from './dialect.js';
import {
  type DueTask,
  type HeldIds,
  type Holding,
  type LedgerEntry,
  lockLapsed,
  look,
  type Sight,
  type WorkerIdentity,
  writeOwnRow,
} from './ledger.js';
import { reap, type Reaped } from './reap.js';
import { list, sql } from './sql.js';
import { decodeTask, type DecodedTask, TASK_COLUMNS, type TaskRow } from './task.row.js';
import { rows, type Work } from './work.js';

export const lockResource = (applicationName: string) => `nestjs-redo:${applicationName}`;

/** How much a worker wants: in all, and of each task type. */
export interface Appetite {
  readonly total: number;
  readonly perType: ReadonlyMap<string, number>;
}

/** A sight whose due tasks are those that nobody has. */
export interface FreeSight extends Sight {
  /** How many of each type the other workers have: what the next look has to see past. */
  readonly heldElsewhere: ReadonlyMap<string, number>;
}

/** What one look under the lock row gave. */
export type Claim =
  | { readonly kind: 'locked' }
  | {
      readonly kind: 'claimed';
      readonly sight: FreeSight;
      /** Ids that are this worker's now, by type, the longest due first. */
      readonly ids: ReadonlyMap<string, readonly number[]>;
      readonly expired: readonly { readonly id: number; readonly redoTaskId: string }[];
      readonly reaped: readonly Reaped[];
      /** Types of which more may be due than was taken. */
      readonly more: ReadonlySet<string>;
    };

/** One claim: the lock row, a look, the lapsed workers, the own row. Shorter than any handler; none runs inside it. */
export function* claim(
  dialect: Dialect,
  worker: WorkerIdentity,
  holding: Holding,
  appetite: Appetite,
  heldElsewhere: ReadonlyMap<string, number>,
): Work<Claim> {
  const locked = yield* rows(dialect.lockRow(lockResource(worker.applicationName)));
  if (locked.length === 0) return { kind: 'locked' };

  const sight = yield* lookPastHeld(dialect, worker, holding, appetite.perType, heldElsewhere);
  const reaped = yield* reapLapsed(dialect, worker, sight.workers);
  const { chosen, more } = share(sight.due, appetite);
  const expired = pick(chosen, (task) => task.expired);
  const ids = pick(chosen, (task) => !task.expired);
  if (expired.size > 0) yield* endExpired(dialect, [...expired.values()].flat());
  yield* writeOwnRow(dialect, worker, { ...holding, held: merged(holding.held, ids) });
  return {
    kind: 'claimed',
    sight,
    ids,
    expired: [...expired].flatMap(([redoTaskId, of]) => of.map((id) => ({ id, redoTaskId }))),
    reaped,
    more,
  };
}

/**
 * A look that sees past what others have: those ids are mostly the longest due, so that many more are asked for and then
 * left out. Ids of a lapsed worker are left out too until it is reaped; the next look has them.
 */
export function* lookPastHeld(
  dialect: Dialect,
  worker: WorkerIdentity,
  holding: Holding,
  perType: ReadonlyMap<string, number>,
  heldElsewhere: ReadonlyMap<string, number>,
): Work<FreeSight> {
  const margin = (type: string) => (heldElsewhere.get(type) ?? 0) + countOf(holding, type);
  const asked = new Map([...perType].map(([type, most]) => [type, most + margin(type)]));
  const sight = yield* look(dialect, worker.applicationName, asked);
  const others = heldByType(sight.workers.filter(({ id }) => id !== worker.id));
  const own = heldByType([holding]);
  const due = new Map<string, readonly DueTask[]>();
  for (const [type, tasks] of sight.due) {
    const free = tasks.filter(({ id }) => !others.get(type)?.has(id) && !own.get(type)?.has(id));
    const full = tasks.length === asked.get(type) && free.length < (perType.get(type) ?? 0);
    if (full && sizeOf(others, type) > (heldElsewhere.get(type) ?? 0))
      return yield* lookPastHeld(dialect, worker, holding, perType, sizes(others));
    if (free.length > 0 && !sight.paused.has(type)) due.set(type, free);
  }
  return { ...sight, due, heldElsewhere: sizes(others) };
}

/** The rows of claimed ids, read after the claim is committed. An id whose row is gone or finished is not among them. */
export function* readClaimed(ids: readonly number[]): Work<DecodedTask[]> {
  const found = yield* rows<TaskRow>(sql`
    SELECT ${TASK_COLUMNS} FROM tbl_redotask WHERE id IN (${list(ids)}) AND status = 'PENDING'`);
  const byId = new Map(found.map((row) => [Number(row.id), row]));
  return ids.flatMap((id) => byId.get(id) ?? []).map(decodeTask);
}

/** Shares the free places between the types that have due tasks, one each in turn, so that none starves another. */
export function share(
  due: ReadonlyMap<string, readonly DueTask[]>,
  { total, perType }: Appetite,
): { chosen: Map<string, DueTask[]>; more: Set<string> } {
  const chosen = new Map<string, DueTask[]>([...due.keys()].map((type) => [type, []]));
  let left = total;
  let turns = true;
  while (left > 0 && turns) {
    turns = false;
    for (const [type, tasks] of chosen) {
      const next = (due.get(type) ?? [])[tasks.length];
      if (!next || tasks.length >= (perType.get(type) ?? 0) || left === 0) continue;
      tasks.push(next);
      left -= 1;
      turns = true;
    }
  }
  const unfinished = [...due].filter(
    ([type, tasks]) =>
      tasks.length > (chosen.get(type)?.length ?? 0) || tasks.length >= (perType.get(type) ?? 0),
  );
  return { chosen, more: new Set(unfinished.map(([type]) => type)) };
}

function* reapLapsed(
  dialect: Dialect,
  self: WorkerIdentity,
  workers: readonly LedgerEntry[],
): Work<Reaped[]> {
  const reaped: Reaped[] = [];
  for (const { id, leaseLeft } of workers) {
    if (leaseLeft >= 0 || id === self.id) continue;
    const lapsed = yield* lockLapsed(dialect, id);
    if (lapsed) reaped.push(yield* reap(dialect, lapsed));
  }
  return reaped;
}

function* endExpired(dialect: Dialect, ids: readonly number[]): Work<void> {
  yield sql`
    UPDATE tbl_redotask
    SET status = 'DEAD', dead_reason = 'EXPIRED', next_exec_time = ${dialect.now}, dedupe_hash = NULL
    WHERE id IN (${list(ids)}) AND status = 'PENDING' AND expire_time <= ${dialect.now}`;
}

const pick = (chosen: ReadonlyMap<string, readonly DueTask[]>, wanted: (task: DueTask) => boolean) =>
  new Map(
    [...chosen]
      .map(([type, tasks]) => [type, tasks.filter(wanted).map(({ id }) => id)] as const)
      .filter(([, ids]) => ids.length > 0),
  );

const merged = (held: HeldIds, more: ReadonlyMap<string, readonly number[]>): HeldIds => {
  const all = new Map(Object.entries(held));
  for (const [type, ids] of more) all.set(type, [...(all.get(type) ?? []), ...ids]);
  return Object.fromEntries(all);
};

const countOf = ({ held, running }: Holding, type: string) =>
  (held[type]?.length ?? 0) + (running[type]?.length ?? 0);

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

type IdsByType = ReadonlyMap<string, ReadonlySet<number>>;

const sizeOf = (held: IdsByType, type: string) => held.get(type)?.size ?? 0;
const sizes = (held: IdsByType) => new Map([...held].map(([type, ids]) => [type, ids.size]));
