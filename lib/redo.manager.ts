import { Inject, Injectable } from '@nestjs/common';
import { TaskAdder } from './adding/task.adder.js';
import type { AddRedoTaskOptions, AddRedoTasksOptions } from './adding/add.options.js';
import { RedoHandlerRegistry } from './handlers/handler.registry.js';
import { dateOf } from './instant.js';
import { RedoError, UnknownTaskTypeError } from './redo.errors.js';
import { keyTaken, notRedriving, unknownTaskType } from './redo.messages.js';
import { REDO_OPTIONS, type ResolvedRedoOptions } from './redo.options.js';
import { RedriveCycle } from './redrive/redrive.cycle.js';
import type { RedrivePass } from './redrive/redrive.pass.js';
import {
  checkFilter,
  checkId,
  checkPage,
  checkReason,
  type RedoPage,
  type RedoTaskFilter,
} from './steering/task.filter.js';
import {
  type RedoStats,
  type RedoTaskView,
  type RedoTypeStats,
  type RedoWorkerView,
  tasksOfWorkers,
  viewTask,
  viewWorker,
} from './steering/task.view.js';
import { type Database, REDO_DATABASE } from './store/database.js';
import type { AddedTask } from './store/insert.js';
import { knockAtWorkers } from './store/knock.js';
import { discardChunk, pause, resume, retryChunk, type Steered } from './store/steer.js';
import {
  countByType,
  countTasks,
  readPaused,
  readTasks,
  readWorkers,
  type TypeCount,
  type WorkerRecord,
} from './store/task.reader.js';
import type { Work } from './store/work.js';

/** Adds redo tasks, shows them and steers them. Inject it anywhere; the module is global. */
@Injectable()
export class RedoManager {
  private readonly applicationName: string;

  constructor(
    @Inject(REDO_DATABASE) private readonly database: Database,
    @Inject(REDO_OPTIONS) private readonly options: ResolvedRedoOptions,
    private readonly registry: RedoHandlerRegistry,
    private readonly adder: TaskAdder,
    private readonly cycle: RedriveCycle,
  ) {
    this.applicationName = options.applicationName;
  }

  /**
   * Adds one task. With `manager` it exists exactly if the caller's transaction commits; without, it is committed when the
   * promise resolves.
   *
   * @example
   * await dataSource.transaction(async (manager) => {
   *   await manager.save(order);
   *   await redo.addRedoTask('order.notify-partner', { orderId: order.id }, { manager });
   * });
   *
   * @param params any value that survives `JSON.parse(JSON.stringify())`
   * @throws {UnknownTaskTypeError} nothing is registered under `redoTaskId`; the error lists what is
   * @throws {InvalidRedoTaskError} parameters or an option are not allowed; nothing was written
   */
  addRedoTask(redoTaskId: string, params: unknown, options?: AddRedoTaskOptions): Promise<AddedTask> {
    return this.adder.addOne(redoTaskId, params, options);
  }

  /**
   * Adds many tasks of one type in few statements, all or none; the ids come in the order of `paramsList`.
   *
   * @throws {InvalidRedoTaskError} naming the index of the first element that is refused; nothing was written
   */
  addRedoTasks<P>(
    redoTaskId: string,
    paramsList: readonly P[],
    options?: AddRedoTasksOptions<P>,
  ): Promise<AddedTask[]> {
    return this.adder.addMany(redoTaskId, paramsList, options);
  }

  /** One task of this application, or `null`: there is none, or it has succeeded. */
  async get(id: number): Promise<RedoTaskView | null> {
    const [task] = await this.list({ ids: [checkId(id)] });
    return task ?? null;
  }

  /** Tasks of this application, newest first. */
  async list(filter: RedoTaskFilter = {}, page: RedoPage = {}): Promise<RedoTaskView[]> {
    const [wanted, of] = [checkFilter(filter), checkPage(page)];
    const found = await this.database.read(() =>
      readTasks(this.database.dialect, this.applicationName, wanted, of),
    );
    if (found.length === 0) return [];
    const workers = await this.readWorkers();
    const [taken, handled] = [tasksOfWorkers(workers), this.handledTypes(workers)];
    return found.map((row) => viewTask(row, taken, handled));
  }

  async count(filter: RedoTaskFilter = {}): Promise<number> {
    const wanted = checkFilter(filter);
    return this.database.read(() => countTasks(this.database.dialect, this.applicationName, wanted));
  }

  /** What is waiting, running, stuck and dead, for every task type that is registered here or has tasks. */
  async stats(): Promise<RedoStats> {
    const counts = await this.database.read(() => countByType(this.database.dialect, this.applicationName));
    const workers = await this.readWorkers();
    const paused = await this.database.read(() => readPaused(this.applicationName));
    const handled = this.handledTypes(workers);
    const types = new Set([...this.registry.ids(), ...counts.map(({ redoTaskId }) => redoTaskId), ...paused]);
    return {
      types: [...types]
        .sort()
        .map((redoTaskId) => typeStats(redoTaskId, counts, workers, paused.includes(redoTaskId), handled)),
      workers: workers.filter(({ alive }) => alive).length,
    };
  }

  /** The instances of this application that redrive, and what each of them has. */
  async workers(): Promise<RedoWorkerView[]> {
    return (await this.readWorkers()).map(viewWorker);
  }

  /**
   * Revives dead and parked tasks, as if they had just been added (all their attempts again, their errors kept), and makes
   * waiting ones due now.
   *
   * @returns how many tasks
   * @throws {RedoError} the one task named can't be retried, since another live task has its `dedupeKey`; with a filter such
   * tasks are passed over
   */
  async retry(which: number | RedoTaskFilter): Promise<number> {
    const filter = this.filterOf(which);
    const dialect = this.database.dialect;
    const { changed, taken } = await this.inChunks((from) =>
      retryChunk(dialect, this.applicationName, filter, from),
    );
    await knockAtWorkers(this.database, this.applicationName);
    const [refused] = taken;
    if (typeof which === 'number' && refused) throw new RedoError(keyTaken(refused.id, refused.dedupeKey));
    if (changed > 0)
      for (const { redoTaskId } of this.registry.handledTypes()) this.cycle.wake(redoTaskId, 0);
    return changed;
  }

  /**
   * Ends live tasks: dead, DISCARDED. One whose handler is running just now may still finish.
   *
   * @param reason why, for whoever asks later
   * @returns how many tasks
   */
  async discard(which: number | RedoTaskFilter, reason: string): Promise<number> {
    const filter = this.filterOf(which);
    const why = checkReason(reason);
    const dialect = this.database.dialect;
    const { changed } = await this.inChunks((from) =>
      discardChunk(dialect, this.applicationName, filter, why, from),
    );
    await knockAtWorkers(this.database, this.applicationName);
    return changed;
  }

  /**
   * No instance begins tasks of this type until {@link resume}; what is running goes on.
   *
   * @returns `false`: it was paused already
   */
  async pause(redoTaskId: string): Promise<boolean> {
    await this.checkKnown(redoTaskId);
    const paused = await this.database.transaction(() =>
      pause(this.database.dialect, this.applicationName, redoTaskId),
    );
    await knockAtWorkers(this.database, this.applicationName);
    return paused;
  }

  /** @returns `false`: it was not paused */
  async resume(redoTaskId: string): Promise<boolean> {
    const resumed = await this.database.transaction(() => resume(this.applicationName, redoTaskId));
    if (!resumed) await this.checkKnown(redoTaskId);
    this.cycle.tick();
    return resumed;
  }

  /**
   * One pass now: takes everything that is due for this instance, runs it and resolves when it is settled.
   *
   * @throws {RedoError} this instance does not redrive
   */
  redrive(): Promise<RedrivePass> {
    if (!this.options.worker) return Promise.reject(new RedoError(notRedriving()));
    return this.cycle.pass();
  }

  private readWorkers(): Promise<WorkerRecord[]> {
    return this.database.read(() => readWorkers(this.database.dialect, this.applicationName));
  }

  private handledTypes(workers: readonly WorkerRecord[]): Set<string> {
    const here = this.options.worker ? this.registry.handledTypes().map(({ redoTaskId }) => redoTaskId) : [];
    return new Set([...here, ...workers.filter(({ alive }) => alive).flatMap(({ handlers }) => handlers)]);
  }

  private filterOf(which: number | RedoTaskFilter): RedoTaskFilter {
    return typeof which === 'object' ? checkFilter(which) : { ids: [checkId(which)] };
  }

  private async inChunks(chunk: (from: number) => Work<Steered>): Promise<Omit<Steered, 'next'>> {
    let changed = 0;
    const taken: Steered['taken'][number][] = [];
    for (let from: number | null = 0; from !== null;) {
      const start: number = from;
      const done: Steered = await this.database.transaction(() => chunk(start));
      changed += done.changed;
      taken.push(...done.taken);
      from = done.next;
    }
    return { changed, taken };
  }

  /** Types that only other instances handle can be paused from here too. */
  private async checkKnown(redoTaskId: string): Promise<void> {
    if (this.registry.ids().includes(redoTaskId)) return;
    const elsewhere = (await this.readWorkers()).flatMap(({ handlers }) => handlers);
    const known = [...new Set([...this.registry.ids(), ...elsewhere])].sort();
    if (!known.includes(redoTaskId)) throw new UnknownTaskTypeError(unknownTaskType(redoTaskId, known));
  }
}

function typeStats(
  redoTaskId: string,
  counts: readonly TypeCount[],
  workers: readonly WorkerRecord[],
  paused: boolean,
  handled: ReadonlySet<string>,
): RedoTypeStats {
  const of = (status: TypeCount['status']) =>
    counts.find((each) => each.redoTaskId === redoTaskId && each.status === status);
  const pending = of('PENDING');
  const oldestDue = pending?.oldestDue ?? null;
  return {
    redoTaskId,
    pending: pending?.count ?? 0,
    due: pending?.due ?? 0,
    oldestDue: oldestDue === null ? null : dateOf(oldestDue),
    running: workers.reduce((sum, { running }) => sum + (running[redoTaskId]?.length ?? 0), 0),
    parked: of('PARKED')?.count ?? 0,
    dead: of('DEAD')?.count ?? 0,
    succeeded: of('SUCCEEDED')?.count ?? 0,
    paused,
    hasHandler: handled.has(redoTaskId),
  };
}
