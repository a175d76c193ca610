import { lifeOf } from './calls.js';
import type { Rules } from './rules.js';
import {
  type Entry,
  type LifeId,
  type Memory,
  memoryOf,
  type Row,
  type Size,
  type State,
  type Task,
  type TaskId,
  type Tx,
} from './state.js';

/** What the model is run with. */
export interface Setting {
  readonly size: Size;
  readonly rules: Rules;
}

/** A statement has to wait for a lock. One object for each: it is thrown too often for a stack. */
export class Waits extends Error {
  private static readonly all = new Map<string, Waits>();

  static for(lock: string): Waits {
    const waits = Waits.all.get(lock) ?? new Waits(lock);
    Waits.all.set(lock, waits);
    return waits;
  }

  private constructor(readonly lock: string) {
    super(`waits for ${lock}`);
  }
}

export const theLockRow = 'lock row';
export const taskLock = (task: TaskId) => `task ${task}`;
export const workerLock = (life: LifeId) => `worker ${life}`;

/** All that hold locks or wait for them. */
export function* transactions({ txs, visitors, orphans }: State): Generator<Tx> {
  for (const tx of txs) if (tx && tx.stage !== 'committed') yield tx;
  yield* visitors;
  yield* orphans;
}

/**
 * One statement's view of the database, READ COMMITTED: what is committed now, what its own transaction has written, and
 * the locks of all. Locks last until the transaction ends. And its view of its worker's memory.
 */
export class Session {
  readonly locks: Set<string>;
  readonly tasks: (Task | null)[];
  readonly rows: (Row | false | null)[];
  readonly entries: Entry[];
  turn: boolean;

  constructor(
    readonly state: State,
    readonly tx: Tx,
    readonly setting: Setting,
  ) {
    this.locks = new Set(tx.locks);
    this.tasks = [...tx.tasks];
    this.rows = [...tx.rows];
    this.entries = [...tx.entries];
    this.turn = tx.turn;
  }

  get lives(): readonly LifeId[] {
    return Array.from({ length: Math.max(this.state.rows.length, this.rows.length) }, (_, life) => life);
  }

  task(id: TaskId): Task {
    return this.tasks[id] ?? this.state.tasks[id]!;
  }

  row(life: LifeId): Row | undefined {
    const own = this.rows[life];
    return own === false ? undefined : (own ?? this.state.rows[life] ?? undefined);
  }

  /** Locks it unless somebody else has. */
  lockIfFree(lock: string): boolean {
    if (!this.locks.has(lock) && this.isTaken(lock)) return false;
    this.locks.add(lock);
    return true;
  }

  /** @throws {Waits} */
  lockOrWait(lock: string): void {
    if (!this.lockIfFree(lock)) throw Waits.for(lock);
  }

  writeTask(id: TaskId, change: Partial<Task>): void {
    this.tasks[id] = { ...this.task(id), ...change };
  }

  writeRow(life: LifeId, row: Row | false): void {
    while (this.rows.length < life) this.rows.push(null);
    this.rows[life] = row;
  }

  /**
   * Takes the turn to write the worker's row (lib/store/turn.ts).
   *
   * @throws {Waits}
   */
  takeTurn(): void {
    const life = lifeOf(this.tx.call);
    for (const other of this.state.txs)
      if (other !== this.tx && other?.turn && lifeOf(other.call) === life && this.setting.rules.oneWriter)
        throw Waits.for(`turn of ${life}`);
    this.turn = true;
  }

  /** What its worker remembers, or did when that life was over. */
  get memory(): Memory {
    return this.tx.memory ?? memoryOf(this.state.workers[lifeOf(this.tx.call)!]!);
  }

  private isTaken(lock: string): boolean {
    for (const other of transactions(this.state))
      if (other !== this.tx && other.locks.includes(lock)) return true;
    return false;
  }
}
