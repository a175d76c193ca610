import type { OwnTasks } from '../store/free.sight.js';
import { LeaseLostError, type WorkerIdentity } from '../store/ledger.js';
import { Holding } from '../store/ledger.text.js';
import { IdRuns, runsOf } from '../store/runs.js';
import type { ClaimedTask } from '../store/task.row.js';
import { Turns } from '../store/turn.js';
import type { Lease } from './lease.js';
import type { Outcome } from './outcome.js';
import { type HeldTask, isDue, RunningTask } from './task.in.hand.js';

/** What becomes of some tasks by one write. */
export interface Moves {
  readonly leaving?: ReadonlySet<number>;
  /** Running ones that are held again. */
  readonly kept?: ReadonlySet<number>;
  readonly starting?: readonly HeldTask[];
}

/** A transaction of the engine that hangs must leave time for others within the lease, and not hold up a shutdown, ms. */
export const patienceOf = (lease: number): number => Math.min(lease / 4, 10_000);

/** A task that somebody has locked is tried again after this, ms. */
export const LOCKED_FOR = 50;

/**
 * One life of a worker, from its registration until it stops or loses its lease: what it has, in memory. Its row in the
 * ledger is always written whole from here, so that what a lost answer left there heals by itself.
 */
export class WorkerLife implements OwnTasks {
  /** Whoever writes its row waits for a turn. */
  readonly turns = new Turns();
  /** Claimed, but not read yet: id → task type. */
  readonly claimed = new Map<number, string>();
  readonly held: ReadonlyMap<number, HeldTask>;
  readonly running: ReadonlyMap<number, RunningTask>;
  /** It lost its lease or has stopped: nothing of it may be written or begun any more. */
  over = false;

  private readonly heldById = new Map<number, HeldTask>();
  private readonly runningById = new Map<number, RunningTask>();
  /** Those of both to settle that no settling has: their handlers have ended, or they won't be begun. */
  private toSettleById = new Map<number, HeldTask | RunningTask>();
  private activeCount = 0;
  /** When the first of the kept tasks is due, monotonic clock, ms; in the past until it is known which is the next. */
  private nextKeptAt = Infinity;
  /** Tasks whose rows somebody else had locked when they were to be settled → when to try again. */
  private readonly locked = new Map<number, number>();

  constructor(
    readonly identity: WorkerIdentity,
    readonly lease: Lease,
  ) {
    this.held = this.heldById;
    this.running = this.runningById;
  }

  /** It has nothing at all. */
  get isEmpty(): boolean {
    return this.claimed.size + this.held.size + this.running.size === 0;
  }

  /** It has nothing but tasks that are not due yet. */
  get hasNothingDue(): boolean {
    if (this.claimed.size + this.running.size > 0) return false;
    const now = performance.now();
    for (const held of this.held.values()) if (isDue(held, now)) return false;
    return true;
  }

  /** What it has read, begun or not. */
  all(): (HeldTask | RunningTask)[] {
    return [...this.running.values(), ...this.held.values()];
  }

  /** How long one of its transactions may take, ms. */
  get patience(): number {
    return patienceOf(this.identity.lease);
  }

  /** A task that has been read, or read again. */
  hold(held: HeldTask): void {
    const { id } = held.task;
    this.heldById.set(id, held);
    if (held.verdict) this.toSettleById.set(id, held);
    else this.toSettleById.delete(id);
  }

  /** Its handler is about to begin. */
  begin(held: HeldTask): RunningTask {
    const { id } = held.task;
    this.heldById.delete(id);
    const running = new RunningTask(held, performance.now() + held.type.policy.timeout);
    this.runningById.set(id, running);
    this.activeCount += 1;
    return running;
  }

  /** Its handler has ended, or is given up: the first word counts. */
  end(running: RunningTask, outcome: Outcome): void {
    if (running.outcome) return;
    running.outcome = outcome;
    if (!this.isHere(running)) return;
    this.activeCount -= 1;
    this.toSettleById.set(running.task.id, running);
  }

  /**
   * A task that was forgotten since its attempt is settled, and is to be tried again soon: it is held, as the ledger says.
   *
   * @param task as it is now
   * @param delay ms until it is due
   */
  keep({ held: { type, knocks } }: RunningTask, task: ClaimedTask, delay: number): void {
    const since = performance.now();
    const dueAt = since + delay;
    this.heldById.set(task.id, { task, type, since, knocks, dueAt });
    this.nextKeptAt = Math.min(this.nextKeptAt, dueAt);
  }

  /** A task that this life has nothing to do with any more. */
  forget(id: number): void {
    const running = this.runningById.get(id);
    if (running && !running.outcome) this.activeCount -= 1;
    if (!this.runningById.delete(id)) this.heldById.delete(id);
    this.toSettleById.delete(id);
    this.locked.delete(id);
  }

  /** Somebody has the task's row locked: it is settled a little later. */
  passOver(id: number): void {
    this.locked.set(id, performance.now() + LOCKED_FOR);
  }

  /** Somebody had one of its tasks locked when it was last to be settled. */
  get hasPassedOver(): boolean {
    return this.locked.size > 0;
  }

  /** ms until the first of them is tried again. */
  passedOverFor(): number {
    return Math.min(...this.locked.values()) - performance.now();
  }

  /** How many tasks are to be settled, by nobody yet: their handlers have ended, or they won't be begun. */
  get toSettle(): number {
    return this.locked.size > 0 ? this.settleable().length : this.toSettleById.size;
  }

  /** Takes all of them, until {@link settlingEnded}. */
  takeToSettle(): (HeldTask | RunningTask)[] {
    const taken = this.settleable();
    // Not cleared: a Map that is leaves its table behind, with all these tasks and a way to the next table.
    if (taken.length === this.toSettleById.size) this.toSettleById = new Map();
    else for (const { task } of taken) this.toSettleById.delete(task.id);
    for (const each of taken) if (each instanceof RunningTask) each.tries += 1;
    return taken;
  }

  /** What is still here of them is to be settled again. */
  settlingEnded(taken: readonly (HeldTask | RunningTask)[]): void {
    for (const each of taken) if (this.isHere(each)) this.toSettleById.set(each.task.id, each);
  }

  /** Handlers that still run. */
  get active(): number {
    return this.activeCount;
  }

  /** Handlers that have ended and whose outcome is not settled. */
  get unsettled(): number {
    return this.running.size - this.activeCount;
  }

  /** Tasks of one type that are held or whose handler still runs. */
  loadOf(redoTaskId: string): number {
    let load = this.activeOf(redoTaskId);
    for (const { task } of this.held.values()) if (task.redoTaskId === redoTaskId) load += 1;
    return load;
  }

  /** The held tasks to begin next, in the order in which they were dealt, within `free` slots and their types' concurrency. */
  nextStarts(free: number): HeldTask[] {
    const starts: HeldTask[] = [];
    const load = new Map<string, number>();
    const now = performance.now();
    let nextKeptAt = Infinity;
    for (const held of this.held.values()) {
      if (starts.length >= free) return starts;
      if (held.verdict) continue;
      if (!isDue(held, now)) {
        nextKeptAt = Math.min(nextKeptAt, held.dueAt ?? Infinity);
        continue;
      }
      const { redoTaskId, policy } = held.type;
      if (policy.concurrency !== undefined) {
        const running = load.get(redoTaskId) ?? this.activeOf(redoTaskId);
        if (running >= policy.concurrency) continue;
        load.set(redoTaskId, running + 1);
      }
      starts.push(held);
    }
    this.nextKeptAt = nextKeptAt;
    return starts;
  }

  /** ms until the next kept task is due; `Infinity`: there is none, or what is due waits for a slot. */
  nextKeptIn(): number {
    const left = this.nextKeptAt - performance.now();
    return left > 0 ? left : Infinity;
  }

  counts(): Map<string, number> {
    const counts = new Map<string, number>();
    const count = (type: string) => counts.set(type, (counts.get(type) ?? 0) + 1);
    for (const type of this.claimed.values()) count(type);
    for (const { task } of this.held.values()) count(task.redoTaskId);
    for (const { task } of this.running.values()) count(task.redoTaskId);
    return counts;
  }

  ids(): IdRuns {
    const all = [this.claimed, this.held, this.running].flatMap((own) => [...own.keys()]);
    return new IdRuns(runsOf(all));
  }

  has(id: number): boolean {
    return this.claimed.has(id) || this.held.has(id) || this.running.has(id);
  }

  /**
   * The ledger row as it will be after these moves.
   *
   * @throws {LeaseLostError} this life is over: what still waited for the database when it ended must not be written
   */
  holding({ leaving = NONE, kept = NONE, starting = [] }: Moves = {}): Holding {
    if (this.over) throw new LeaseLostError();
    const holding = new Holding();
    const moving =
      starting.length === 0 ? leaving : new Set([...leaving, ...starting.map(({ task }) => task.id)]);
    const hold = (redoTaskId: string, id: number) => {
      if (!moving.has(id)) holding.hold(redoTaskId, id);
    };
    const run = ({ id, redoTaskId, execTimes }: ClaimedTask) => holding.run(redoTaskId, id, execTimes + 1);
    this.claimed.forEach(hold);
    this.held.forEach(({ task }) => hold(task.redoTaskId, task.id));
    this.running.forEach(({ task }) => {
      if (kept.has(task.id)) holding.hold(task.redoTaskId, task.id);
      else if (!leaving.has(task.id)) run(task);
    });
    for (const { task } of starting) run(task);
    return holding;
  }

  abort(reason: Error): void {
    for (const each of this.running.values()) if (!each.outcome) each.abort(reason);
  }

  private isHere(each: HeldTask | RunningTask): boolean {
    const { id } = each.task;
    return this.runningById.get(id) === each || this.heldById.get(id) === each;
  }

  private settleable(): (HeldTask | RunningTask)[] {
    const all = [...this.toSettleById.values()];
    if (this.locked.size === 0) return all;
    const now = performance.now();
    const isSettleable = ({ task }: HeldTask | RunningTask) => (this.locked.get(task.id) ?? 0) <= now;
    return all.filter(isSettleable);
  }

  private activeOf(redoTaskId: string): number {
    let active = 0;
    for (const { task, outcome } of this.running.values())
      if (task.redoTaskId === redoTaskId && !outcome) active += 1;
    return active;
  }
}

const NONE: ReadonlySet<number> = new Set();
