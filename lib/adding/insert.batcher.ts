import type { Database } from '../store/database.js';
import { type AddedTask, fitsOneInsert, insertTasks, type NewTask } from '../store/insert.js';

interface Waiting {
  readonly tasks: readonly NewTask[];
  readonly resolve: (added: AddedTask[]) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Tasks that are added at the same time, each outside of a transaction, share multi-row INSERTs: while one is under way
 * the next gathers. A lone one waits for nothing.
 */
export class InsertBatcher {
  private waiting: Waiting[] = [];
  private writing: Promise<void> | undefined;
  private readonly lone = new Set<Promise<unknown>>();

  constructor(private readonly database: Database) {}

  /** All of `tasks` or none. Resolves when they are committed. */
  add(tasks: readonly NewTask[]): Promise<AddedTask[]> {
    // A key may have to wait for a stranger's transaction that is adding it too: nobody else should wait with it.
    if (tasks.some(({ dedupeKey }) => dedupeKey !== null)) return this.alone(tasks);
    return new Promise((resolve, reject) => {
      this.waiting.push({ tasks, resolve, reject });
      this.writing ??= this.writeAll();
    });
  }

  /** Resolves when everything that was added until now is written, or refused. */
  async idle(): Promise<void> {
    while (this.writing !== undefined || this.lone.size > 0)
      await Promise.allSettled([this.writing, ...this.lone]);
  }

  private alone(tasks: readonly NewTask[]): Promise<AddedTask[]> {
    const inserting = this.insert(tasks).finally(() => this.lone.delete(inserting));
    this.lone.add(inserting);
    return inserting;
  }

  private async writeAll(): Promise<void> {
    await Promise.resolve();
    while (this.waiting.length > 0) {
      const batch = this.takeBatch();
      try {
        this.settle(batch, await this.insert(batch.flatMap(({ tasks }) => tasks)));
      } catch (error) {
        if (batch.length === 1) batch[0]?.reject(error);
        else await this.writeOneByOne(batch, error);
      }
    }
    // In the same turn as the last look: whoever comes now begins anew.
    this.writing = undefined;
  }

  /** One bad call fails alone. Where the answer of a COMMIT may be lost, nothing is sent twice: all are told. */
  private async writeOneByOne(batch: readonly Waiting[], error: unknown): Promise<void> {
    if (!this.database.dialect.isRefused(error)) {
      for (const { reject } of batch) reject(error);
      return;
    }
    for (const one of batch) {
      try {
        one.resolve(await this.insert(one.tasks));
      } catch (ownError) {
        one.reject(ownError);
      }
    }
  }

  private insert(tasks: readonly NewTask[]): Promise<AddedTask[]> {
    const { database } = this;
    const work = () => insertTasks(database.dialect, tasks);
    return fitsOneInsert(tasks) ? database.autocommit(work) : database.transaction(work);
  }

  private takeBatch(): Waiting[] {
    let rows = 0;
    const fitting = this.waiting.findIndex(({ tasks }) => (rows += tasks.length) > MOST_ROWS);
    return this.waiting.splice(0, fitting < 0 ? this.waiting.length : Math.max(1, fitting));
  }

  private settle(batch: readonly Waiting[], added: readonly AddedTask[]): void {
    let from = 0;
    for (const { tasks, resolve } of batch) resolve(added.slice(from, (from += tasks.length)));
  }
}

/** Rows of one shared transaction. */
const MOST_ROWS = 1_000;
