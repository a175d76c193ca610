import { Inject, Injectable } from '@nestjs/common';
import { RedoEvents } from '../redo.events.js';
import { REDO_OPTIONS, type ResolvedRedoOptions } from '../redo.options.js';
import { begin } from '../store/begin.js';
import { type Database, REDO_DATABASE } from '../store/database.js';
import { Backlog } from './backlog.js';
import { Bell } from './bell.js';
import { execute } from './task.executor.js';
import type { HeldTask, RunningTask, WorkerLife } from './worker.life.js';

/** Begins held tasks: their handlers run once their mark in the ledger is committed. */
@Injectable()
export class Starter {
  constructor(
    @Inject(REDO_DATABASE) private readonly database: Database,
    @Inject(REDO_OPTIONS) private readonly options: ResolvedRedoOptions,
    private readonly backlog: Backlog,
    private readonly events: RedoEvents,
    private readonly bell: Bell,
  ) {}

  /** Whether there is a free slot and a task for it. */
  canBegin(life: WorkerLife): boolean {
    return this.next(life).length > 0;
  }

  /**
   * Begins as many of the held tasks as there are free slots.
   *
   * @returns `false`: what is held must be read again first
   */
  async begin(life: WorkerLife): Promise<boolean> {
    const starts = this.next(life);
    const knocks = Math.min(...starts.map((held) => held.knocks));
    const { dialect } = this.database;
    const turn = life.turns.next();
    try {
      const sentAt = performance.now();
      const isBegun = await this.database.autocommit(
        () => begin(dialect, life.identity, turn, () => life.holding(new Set(), starts), knocks),
        life.patience,
      );
      if (life.over || !isBegun) return isBegun;
      life.lease.renewed(sentAt);
      this.run(life, starts);
      return true;
    } finally {
      turn.leave();
    }
  }

  private next(life: WorkerLife): HeldTask[] {
    return life.nextStarts(this.backlog.freeSlots(life));
  }

  private run(life: WorkerLife, starts: readonly HeldTask[]): void {
    this.backlog.began(starts.length);
    for (const { task, type } of starts) {
      // A handler that blocks this process for longer than the lease: others may have the next tasks by now.
      if (life.lease.left() <= 0) return;
      life.forget(task.id);
      const running: RunningTask = { task, type, controller: new AbortController() };
      life.running.set(task.id, running);
      this.events.emit('started', { id: task.id, redoTaskId: task.redoTaskId, attempt: task.execTimes + 1 });
      void execute(type, task, running.controller, this.options.redact).then((outcome) => {
        running.outcome = outcome;
        this.bell.ring();
      });
    }
  }
}
