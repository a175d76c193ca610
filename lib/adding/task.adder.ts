import { Inject, Injectable } from '@nestjs/common';
import type { DataSource } from 'typeorm';
import { type RegisteredType, RedoHandlerRegistry } from '../handlers/handler.registry.js';
import { InvalidRedoTaskError } from '../redo.errors.js';
import { RedoEvents } from '../redo.events.js';
import * as messages from '../redo.messages.js';
import { REDO_OPTIONS, type ResolvedRedoOptions } from '../redo.options.js';
import { RedriveCycle } from '../redrive/redrive.cycle.js';
import { TEN_YEARS } from '../rules.js';
import { type Database, REDO_DATA_SOURCE, REDO_DATABASE, runOn } from '../store/database.js';
import { explained } from '../store/explained.database.js';
import { type AddedTask, insertTasks, type NewTask, readClock } from '../store/insert.js';
import type { Work } from '../store/work.js';
import {
  type AddRedoTaskOptions,
  type AddRedoTasksOptions,
  checkAddOptions,
  checkDedupeKey,
  planTask,
} from './add.options.js';
import { callerRunner } from './caller.transaction.js';
import { CommitWatch } from './commit.watch.js';
import { InsertBatcher } from './insert.batcher.js';
import { encodeCheckedParams } from './json.params.js';

/** Checks tasks, writes them, and wakes the engine once they are committed. */
@Injectable()
export class TaskAdder {
  private readonly batcher: InsertBatcher;
  private readonly commits: CommitWatch;

  constructor(
    @Inject(REDO_DATABASE) private readonly database: Database,
    @Inject(REDO_DATA_SOURCE) private readonly dataSource: DataSource,
    @Inject(REDO_OPTIONS) private readonly options: ResolvedRedoOptions,
    private readonly registry: RedoHandlerRegistry,
    private readonly cycle: RedriveCycle,
    private readonly events: RedoEvents,
  ) {
    this.batcher = new InsertBatcher(database);
    this.commits = new CommitWatch(dataSource);
  }

  async addOne(redoTaskId: string, params: unknown, options: AddRedoTaskOptions = {}): Promise<AddedTask> {
    const type = this.registry.get(redoTaskId);
    checkAddOptions(options);
    checkDedupeKey(options.dedupeKey);
    const plan = planTask(this.options.applicationName, type, options);
    const reqParam = encodeCheckedParams(params, this.options.maxPayloadBytes);
    const [added] = await this.write(
      type,
      [{ ...plan, reqParam, dedupeKey: options.dedupeKey ?? null }],
      options,
    );
    return added as AddedTask;
  }

  async addMany<P>(
    redoTaskId: string,
    paramsList: readonly P[],
    options: AddRedoTasksOptions<P> = {},
  ): Promise<AddedTask[]> {
    const type = this.registry.get(redoTaskId);
    checkAddOptions(options);
    if (typeof options.dedupeKey === 'string')
      throw new InvalidRedoTaskError(
        messages.badValue('options.dedupeKey', options.dedupeKey, 'a function (params, index) => string'),
      );
    if (!Array.isArray(paramsList)) throw new InvalidRedoTaskError(messages.noList(paramsList));
    const plan = planTask(this.options.applicationName, type, options);
    // Not `map`, which passes over the holes of an array.
    const tasks = Array.from(paramsList, (params: P, index): NewTask => {
      try {
        const dedupeKey = options.dedupeKey?.(params, index);
        checkDedupeKey(dedupeKey);
        const reqParam = encodeCheckedParams(params, this.options.maxPayloadBytes);
        return { ...plan, reqParam, dedupeKey: dedupeKey ?? null };
      } catch (error) {
        throw new InvalidRedoTaskError(messages.atIndex(index, (error as Error).message), { cause: error });
      }
    });
    return tasks.length === 0 ? [] : this.write(type, tasks, options);
  }

  /** Resolves when everything that was added outside of a transaction is written. */
  async stop(): Promise<void> {
    await this.batcher.idle();
    this.commits.stop();
  }

  private async write(
    type: RegisteredType,
    tasks: readonly NewTask[],
    { manager, delay = 0, runAt }: Pick<AddRedoTaskOptions, 'manager' | 'delay' | 'runAt'>,
  ): Promise<AddedTask[]> {
    const runner = manager && callerRunner(manager, this.dataSource);
    const ask = <T>(work: () => Work<T>) =>
      runner
        ? explained(this.database, runOn(this.database.dialect, runner, work()))
        : this.database.read(work);
    const now = await this.checkInstants(tasks[0] as NewTask, ask);
    const dueIn = runAt && now !== undefined ? Math.max(0, runAt.getTime() - now) : delay;
    if (!runner) {
      const begun = dueIn === 0 ? await this.addAndBegin(type, tasks) : undefined;
      if (begun) return [begun];
      const added = await this.batcher.add(tasks);
      this.committed(type, added, dueIn);
      return added;
    }
    const added = await ask(() => insertTasks(this.database.dialect, tasks));
    this.commits.onCommit(runner, () => this.committed(type, added, dueIn));
    return added;
  }

  /** A lone task that is due begins as it is added, where this instance has nothing else to begin. */
  private async addAndBegin(
    { redoTaskId }: RegisteredType,
    [task, another]: readonly NewTask[],
  ): Promise<AddedTask | undefined> {
    const type = this.registry.handled(redoTaskId);
    if (!type || !task || another || task.dedupeKey !== null || mayExpireAtOnce(task)) return undefined;
    const added = await this.cycle.addAndBegin(type, task);
    if (added) this.events.emit('added', { redoTaskId, ...added });
    return added;
  }

  /** What is given as an instant is judged by the database's clock, not by this host's. */
  private async checkInstants(
    { due, expiry }: NewTask,
    run: <T>(work: () => Work<T>) => Promise<T>,
  ): Promise<number | undefined> {
    if (!('at' in due) && !(expiry && 'at' in expiry)) return undefined;
    const now = await run(() => readClock(this.database.dialect));
    if ('at' in due && due.at > now + TEN_YEARS)
      throw new InvalidRedoTaskError(messages.tooFarAhead(new Date(due.at)));
    if (expiry && 'at' in expiry && expiry.at <= now)
      throw new InvalidRedoTaskError(messages.alreadyExpired(new Date(expiry.at), new Date(now)));
    return now;
  }

  private committed({ redoTaskId }: RegisteredType, added: readonly AddedTask[], dueIn: number): void {
    for (const { id, created } of added) this.events.emit('added', { id, redoTaskId, created });
    this.cycle.wake(redoTaskId, dueIn);
  }
}

/** A task that expires before it may begin is judged by the database. */
const mayExpireAtOnce = ({ expiry }: NewTask): boolean =>
  expiry !== null && ('at' in expiry || expiry.in < A_WHILE);

/** ms */
const A_WHILE = 1_000;
