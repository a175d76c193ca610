import { Inject, Injectable } from '@nestjs/common';
import { RedoEvents } from '../redo.events.js';
import { REDO_OPTIONS, type ResolvedRedoOptions } from '../redo.options.js';
import { type Database, REDO_DATABASE } from '../store/database.js';
import { flush, type Flushed, handBack } from '../store/settle.js';
import { Backlog } from './backlog.js';
import { Bell } from './bell.js';
import { DatabaseClock } from './database.clock.js';
import { PassesUnderWay } from './redrive.pass.js';
import { inPlainWords, settlementOf } from './retry.policy.js';
import { tellSettled, type Told } from './settlement.events.js';
import { execute } from './task.executor.js';
import type { HeldTask, RunningTask, WorkerLife } from './worker.life.js';

/** Settles what ended and begins what is held, in one flush. */
@Injectable()
export class Settler {
  /** Why the database refused the last flush: the next one goes without the handlers' words, which may be the cause. */
  private refused: string | undefined;
  /** When the last flush was sent, monotonic clock. */
  private lastSentAt = 0;

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
    return life.toSettle().length > 0 || life.nextStarts(this.backlog.freeSlots(life)).length > 0;
  }

  /** Settles everything that ended and begins as many of the held tasks as there are free slots. */
  async flush(life: WorkerLife): Promise<void> {
    await this.write(life, life.toSettle(), life.nextStarts(this.backlog.freeSlots(life)));
  }

  /** Settles everything that ended; what is held goes back. */
  async drain(life: WorkerLife): Promise<void> {
    const unjudged = [...life.held.values()].filter(({ verdict }) => verdict === undefined);
    await this.write(life, [...life.toSettle(), ...unjudged], []);
  }

  /**
   * The last write of a life: settles what ended; everything else it has is free at once.
   *
   * @returns how many tasks were handed back
   */
  async handBack(life: WorkerLife, within: number): Promise<number> {
    const told = this.settlements(life, [...life.running.values(), ...life.held.values()]);
    const settlements = told.map(({ settlement }) => settlement);
    const { dialect } = this.database;
    const { written } = await this.database.transaction(
      () => handBack(dialect, life.identity, settlements, this.keepSucceeded),
      within,
    );
    this.tell(told.filter(({ task }) => written.has(task.id)));
    return life.held.size + life.running.size - told.length;
  }

  private async write(
    life: WorkerLife,
    leaving: readonly (HeldTask | RunningTask)[],
    starts: readonly HeldTask[],
  ): Promise<void> {
    const told = this.settlements(life, leaving);
    const sentAt = performance.now();
    const { written, locked, gone } = await this.send(life, leaving, starts, told);
    this.refused = undefined;
    if (life.over) return;
    life.lease.renewed(sentAt);
    for (const { task } of leaving)
      if (locked.has(task.id)) life.passOver(task.id);
      else life.forget(task.id);
    for (const id of gone) life.forget(id);
    // Settled by nobody: a person has ended or revived it meanwhile.
    for (const { task } of told)
      if (!written.has(task.id) && !locked.has(task.id)) this.backlog.expect(task.redoTaskId);
    this.begin(
      life,
      starts.filter(({ task }) => !gone.has(task.id)),
    );
    this.tell(told.filter(({ task }) => written.has(task.id)));
  }

  private async send(
    life: WorkerLife,
    leaving: readonly (HeldTask | RunningTask)[],
    starts: readonly HeldTask[],
    told: readonly Told[],
  ): Promise<Flushed> {
    const { dialect } = this.database;
    const ids = leaving.map(({ task }) => task.id);
    // What waited for more than the flush that followed its claim is looked at again before its handler begins.
    const { lastSentAt } = this;
    this.lastSentAt = performance.now();
    const content = {
      settlements: told.map(({ settlement }) => settlement),
      keepSucceeded: this.keepSucceeded,
      doubtful: starts.filter(({ since }) => since < lastSentAt).map(({ task }) => task.id),
      holding: (locked: ReadonlySet<number>, gone: ReadonlySet<number>) =>
        life.holding(
          new Set([...ids.filter((id) => !locked.has(id)), ...gone]),
          starts.filter(({ task }) => !gone.has(task.id)),
        ),
    };
    try {
      return await this.database.transaction(() => flush(dialect, life.identity, content), life.patience);
    } catch (error) {
      if (dialect.isRefused(error) && !dialect.isRolledBack(error)) this.refused = (error as Error).message;
      throw error;
    }
  }

  private begin(life: WorkerLife, starts: readonly HeldTask[]): void {
    this.backlog.began(starts.length);
    for (const { task, type } of starts) {
      // A handler that blocks this process for longer than the lease: others may have the next tasks by now.
      if (life.lease.left() <= 0) return;
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
      if (!settlement) return [];
      return [
        { task, settlement: this.refused ? inPlainWords(settlement, this.refused, stamp) : settlement },
      ];
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
