import type { HandledType } from '../handlers/handler.registry.js';
import type { Holding, WorkerIdentity } from '../store/ledger.js';
import type { Settlement } from '../store/settlement.js';
import type { ClaimedTask } from '../store/task.row.js';
import type { Outcome } from './outcome.js';

/** Claimed, not begun. */
export interface HeldTask {
  readonly task: ClaimedTask;
  readonly type: HandledType;
  /** Monotonic clock, ms. */
  readonly since: number;
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

/**
 * One life of a worker, from its registration until it stops or loses its lease: what it has, in memory. Its row in the
 * ledger is always written whole from here, so that what a lost answer left there heals by itself.
 */
export class WorkerLife {
  readonly held = new Map<number, HeldTask>();
  readonly running = new Map<number, RunningTask>();

  /** It lost its lease or has stopped: nothing of it may be written or begun any more. */
  over = false;

  constructor(readonly identity: WorkerIdentity) {}

  /** A task that this life has nothing to do with any more. */
  forget(id: number): void {
    this.held.delete(id);
    this.running.delete(id);
  }

  /** Tasks whose handler has ended. */
  ended(): RunningTask[] {
    return [...this.running.values()].filter(({ outcome }) => outcome !== undefined);
  }

  /** Held tasks that won't be begun. */
  judged(): HeldTask[] {
    return [...this.held.values()].filter(({ verdict }) => verdict !== undefined);
  }

  /** Handlers that still run. */
  get active(): number {
    let active = 0;
    for (const { outcome } of this.running.values()) if (!outcome) active += 1;
    return active;
  }

  /** Tasks of one type that are held or whose handler still runs. */
  loadOf(redoTaskId: string): number {
    let load = 0;
    for (const { task } of this.held.values()) if (task.redoTaskId === redoTaskId) load += 1;
    return load + this.activeOf(redoTaskId);
  }

  activeOf(redoTaskId: string): number {
    let active = 0;
    for (const { task, outcome } of this.running.values())
      if (task.redoTaskId === redoTaskId && !outcome) active += 1;
    return active;
  }

  /** The held tasks to begin next, the longest due first, within `free` slots and each type's own concurrency. */
  nextStarts(free: number): HeldTask[] {
    const starts: HeldTask[] = [];
    const taken = new Map<string, number>();
    for (const held of this.held.values()) {
      if (starts.length >= free) break;
      if (held.verdict) continue;
      const { redoTaskId, policy } = held.type;
      const load = (taken.get(redoTaskId) ?? 0) + (policy.concurrency ? this.activeOf(redoTaskId) : 0);
      if (policy.concurrency && load >= policy.concurrency) continue;
      taken.set(redoTaskId, (taken.get(redoTaskId) ?? 0) + 1);
      starts.push(held);
    }
    return starts;
  }

  /** The ledger row as it will be when `leaving` has left and `starting` has begun. */
  holding(leaving: ReadonlySet<number> = new Set(), starting: readonly HeldTask[] = []): Holding {
    const startingIds = new Set(starting.map(({ task }) => task.id));
    const held = new Map<string, number[]>();
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
}

function push<T>(map: Map<string, T[]>, key: string, item: T): void {
  const items = map.get(key);
  if (items) items.push(item);
  else map.set(key, [item]);
}
