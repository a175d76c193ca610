import { Inject, Injectable } from '@nestjs/common';
import { RedoEvents } from '../redo.events.js';
import { REDO_OPTIONS, type ResolvedRedoOptions } from '../redo.options.js';
import { type Database, REDO_DATABASE } from '../store/database.js';
import { flush, handBack } from '../store/settle.js';
import { Backlog } from './backlog.js';
import { Bell } from './bell.js';
import { DatabaseClock } from './database.clock.js';
import { PassesUnderWay } from './redrive.pass.js';
import { settlementOf } from './retry.policy.js';
import { tellSettled, type Told } from './settlement.events.js';
import { execute } from './task.executor.js';
import type { HeldTask, RunningTask, WorkerLife } from './worker.life.js';

/** Settles what ended and begins what is held, in one flush. */
@Injectable()
export class Settler {
  constructor(
    @Inject(REDO_DATABASE) private readonly database: Database,
    @Inject(REDO_OPTIONS) private readonly options: ResolvedRedoOptions,
    private readonly backlog: Backlog,
    private readonly clock: DatabaseClock,
    private readonly passes: PassesUnderWay,
    private readonly events: RedoEvents,
    private readonly bell: Bell,
  ) {}

  /** Whether something ended or can begin. */
  hasWork(life: WorkerLife): boolean {
    return (
      life.ended().length > 0 ||
      life.judged().length > 0 ||
      life.nextStarts(this.backlog.freeSlots(life)).length > 0
    );
  }

  /** Everything that ended, and as many of the held tasks as there are free slots. */
  async flush(life: WorkerLife): Promise<void> {
    const starts = life.nextStarts(this.backlog.freeSlots(life));
    await this.write(life, [...life.ended(), ...life.judged()], starts);
  }

  /** Everything that ended; what is held goes back. */
  async flushOnly(life: WorkerLife): Promise<void> {
    await this.write(life, [...life.ended(), ...life.held.values()], []);
  }

  /**
   * The last write of a life: settles what ended; everything else it has is free at once.
   *
   * @returns how many tasks were handed back
   */
  async handBack(life: WorkerLife): Promise<number> {
    const told = this.settlements(life, [...life.ended(), ...life.judged()]);
    const { dialect } = this.database;
    await this.database.transaction(() =>
      handBack(
        dialect,
        life.identity,
        told.map(({ settlement }) => settlement),
        this.keepSucceeded,
      ),
    );
    this.tell(told);
    return life.held.size + life.running.size - told.length;
  }

  private async write(
    life: WorkerLife,
    leaving: readonly (HeldTask | RunningTask)[],
    starts: readonly HeldTask[],
  ): Promise<void> {
    const told = this.settlements(life, leaving);
    const ids = new Set(leaving.map(({ task }) => task.id));
    const { dialect } = this.database;
    await this.database.transaction(() =>
      flush(
        dialect,
        life.identity,
        life.holding(ids, starts),
        told.map(({ settlement }) => settlement),
        this.keepSucceeded,
      ),
    );
    if (life.over) return;
    for (const id of ids) life.forget(id);
    this.begin(life, starts);
    this.tell(told);
  }

  private begin(life: WorkerLife, starts: readonly HeldTask[]): void {
    this.backlog.began(starts.length);
    for (const { task, type } of starts) {
      life.forget(task.id);
      const running: RunningTask = { task, type, controller: new AbortController() };
      life.running.set(task.id, running);
      this.events.emit('started', { id: task.id, redoTaskId: task.redoTaskId, attempt: task.execTimes + 1 });
      void execute(type, task, running.controller).then((outcome) => {
        running.outcome = outcome;
        this.bell.ring();
      });
    }
  }

  private settlements(life: WorkerLife, leaving: readonly (HeldTask | RunningTask)[]): Told[] {
    const stamp = { time: this.clock.now(), host: life.identity.host };
    return leaving.flatMap((each) => {
      const { task, type } = each;
      const settlement =
        'controller' in each
          ? each.outcome && settlementOf(task, each.outcome, type.policy, stamp)
          : each.verdict;
      return settlement ? [{ task, settlement }] : [];
    });
  }

  private tell(told: readonly Told[]): void {
    for (const each of told) {
      const { settlement, task } = each;
      if (settlement.kind === 'again') this.backlog.expect(task.redoTaskId, settlement.delay);
      this.passes.count(tellSettled(this.events, each));
    }
  }

  private get keepSucceeded(): boolean {
    return this.options.retention.succeeded > 0;
  }
}
