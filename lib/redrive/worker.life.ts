import type { HandledType } from '../handlers/handler.registry.js';
import { type Holding, LeaseLostError, type WorkerIdentity } from '../store/ledger.js';
import type { Settlement } from '../store/settlement.js';
import type { ClaimedTask } from '../store/task.row.js';
import { Turns } from '../store/turn.js';
import type { Lease } from './lease.js';
import type { Outcome } from './outcome.js';

/** Claimed, not begun. */
export interface HeldTask {
  readonly task: ClaimedTask;
  readonly type: HandledType;
  /** When it was claimed, monotonic clock, ms. */
  readonly since: number;
  /** How often somebody had knocked at this worker when it was read. */
  readonly knocks: number;
  /** It will not be begun: this is what becomes of it instead. */
  readonly verdict?: Settlement;
}

/** Its handler has begun. */
export interface RunningTask {
  readonly task: ClaimedTask;
  readonly type: HandledType;
  readonly controller: AbortController;
  /** Set when the handler has ended and the outcome is not settled yet. */
  outcome?: Outcome;
}

/** A transaction of the engine that hangs must leave time for others within the lease, and not hold up a shutdown, ms. */
export const patienceOf = (lease: number): number => Math.min(lease / 4, 10_000);

/** A task that somebody has locked is tried again after this, ms. */
export const LOCKED_FOR = 50;

/**
 * One life of a worker, from its registration until it stops or loses its lease: what it has, in memory. Its row in the
 * ledger is always written whole from here, so that what a lost answer left there heals by itself.
 */
export class WorkerLife {
  /** Whoever writes its row waits for a turn. */
  readonly turns = new Turns();
  /** Claimed, but not read yet: id → task type. */
  readonly claimed = new Map<number, string>();
  /** To begin as they are added, from before their COMMIT, so that no claim takes them: id → task type. */
  readonly added = new Map<number, string>();
  readonly held = new Map<number, HeldTask>();
  readonly running = new Map<number, RunningTask>();
  /** It lost its lease or has stopped: nothing of it may be written or begun any more. */
  over = false;

  /** Tasks whose rows somebody else had locked when they were to be settled → when to try again. */
  private readonly locked = new Map<number, number>();

  constructor(
    readonly identity: WorkerIdentity,
    readonly lease: Lease,
  ) {}

  /** It has nothing at all. */
  get isEmpty(): boolean {
    return [this.claimed, this.added, this.held, this.running].every(({ size }) => size === 0);
  }

  /** What it has read, begun or not. */
  all(): (HeldTask | RunningTask)[] {
    return [...this.running.values(), ...this.held.values()];
  }

  /** How long one of its transactions may take, ms. */
  get patience(): number {
    return patienceOf(this.identity.lease);
  }

  /** A task that this life has nothing to do with any more. */
  forget(id: number): void {
    this.held.delete(id);
    this.running.delete(id);
    this.locked.delete(id);
  }

  /** Somebody has the task's row locked: it is settled a little later. */
  passOver(id: number): void {
    this.locked.set(id, performance.now() + LOCKED_FOR);
  }

  /** ms until the first of them is tried again. */
  passedOverFor(): number {
    return Math.min(...this.locked.values()) - performance.now();
  }

  /** Tasks to settle: their handlers have ended, or they won't be begun. */
  toSettle(): (HeldTask | RunningTask)[] {
    const now = performance.now();
    const ripe = ({ task }: HeldTask | RunningTask) => (this.locked.get(task.id) ?? 0) <= now;
    const ended = [...this.running.values()].filter(({ outcome }) => outcome !== undefined);
    const judged = [...this.held.values()].filter(({ verdict }) => verdict !== undefined);
    return [...ended, ...judged].filter(ripe);
  }

  /** Handlers that still run. */
  get active(): number {
    let active = 0;
    for (const { outcome } of this.running.values()) if (!outcome) active += 1;
    return active;
  }

  /** Handlers that have ended and whose outcome is not settled. */
  get unsettled(): number {
    return this.running.size - this.active;
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
    for (const held of this.held.values()) {
      if (starts.length >= free) break;
      if (held.verdict) continue;
      const { redoTaskId, policy } = held.type;
      if (policy.concurrency !== undefined) {
        const running = load.get(redoTaskId) ?? this.activeOf(redoTaskId);
        if (running >= policy.concurrency) continue;
        load.set(redoTaskId, running + 1);
      }
      starts.push(held);
    }
    return starts;
  }

  /**
   * The ledger row as it will be when `leaving` has left and `starting` has begun.
   *
   * @throws {LeaseLostError} this life is over: what still waited for the database when it ended must not be written
   */
  holding(leaving: ReadonlySet<number> = new Set(), starting: readonly HeldTask[] = []): Holding {
    if (this.over) throw new LeaseLostError();
    const startingIds = new Set(starting.map(({ task }) => task.id));
    const held = new Map<string, number[]>();
    for (const [id, redoTaskId] of [...this.claimed, ...this.added])
      if (!startingIds.has(id)) push(held, redoTaskId, id);
    for (const [id, { task }] of this.held)
      if (!leaving.has(id) && !startingIds.has(id)) push(held, task.redoTaskId, id);
    const running = new Map<string, [number, number][]>();
    for (const [id, { task }] of this.running)
      if (!leaving.has(id)) push(running, task.redoTaskId, [id, task.execTimes + 1]);
    for (const { task } of starting) push(running, task.redoTaskId, [task.id, task.execTimes + 1]);
    return { held: Object.fromEntries(held), running: Object.fromEntries(running) };
  }

  abort(reason: Error): void {
    for (const { controller, outcome } of this.running.values()) if (!outcome) controller.abort(reason);
  }

  private activeOf(redoTaskId: string): number {
    let active = 0;
    for (const { task, outcome } of this.running.values())
      if (task.redoTaskId === redoTaskId && !outcome) active += 1;
    return active;
  }
}

function push<T>(map: Map<string, T[]>, key: string, item: T): void {
  const items = map.get(key);
  if (items) items.push(item);
  else map.set(key, [item]);
}
