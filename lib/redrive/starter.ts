import { setImmediate as turnOfTheEventLoop } from 'node:timers/promises';
import { Inject, Injectable } from '@nestjs/common';
import type { HandledType } from '../handlers/handler.registry.js';
import { RedoEvents } from '../redo.events.js';
import { REDO_OPTIONS, type ResolvedRedoOptions } from '../redo.options.js';
import { addRunning, begin } from '../store/begin.js';
import { type Database, REDO_DATABASE } from '../store/database.js';
import type { AddedTask, NewTask } from '../store/insert.js';
import { Backlog } from './backlog.js';
import { Bell } from './bell.js';
import { Overtime } from './overtime.js';
import { emptyStack, execute } from './task.executor.js';
import type { HeldTask, RunningTask } from './task.in.hand.js';
import type { WorkerLife } from './worker.life.js';

/** Begins held tasks: their handlers run once their mark in the ledger is committed. */
@Injectable()
export class Starter {
  constructor(
    @Inject(REDO_DATABASE) private readonly database: Database,
    @Inject(REDO_OPTIONS) private readonly options: ResolvedRedoOptions,
    private readonly backlog: Backlog,
    private readonly overtime: Overtime,
    private readonly events: RedoEvents,
    private readonly bell: Bell,
  ) {}

  /** Whether there is a free slot and a task for it. */
  canBegin(life: WorkerLife): boolean {
    return life.nextStarts(Math.min(1, this.backlog.freeSlots(life))).length > 0;
  }

  /**
   * Begins as many of the held tasks as there are free slots.
   *
   * @returns `false`: what is held must be read again first
   */
  async begin(life: WorkerLife): Promise<boolean> {
    const starts = life.nextStarts(this.backlog.freeSlots(life));
    const knocks = Math.min(...starts.map((held) => held.knocks));
    const { dialect } = this.database;
    const turn = life.turns.next();
    try {
      const sentAt = performance.now();
      const isBegun = await this.database.autocommit(
        () => begin(dialect, life.identity, turn, () => life.holding({ starting: starts }), knocks),
        life.patience,
      );
      if (life.over || !isBegun) return isBegun;
      life.lease.renewed(sentAt);
      await this.run(life, starts);
      return true;
    } finally {
      turn.leave();
    }
  }

  /** Whether a task of this type that were there now would be the only one to begin, and could. */
  couldBegin(life: WorkerLife, { redoTaskId, policy }: HandledType): boolean {
    const { concurrency = Infinity } = policy;
    const hasNothingElse = life.claimed.size + life.held.size === 0 && this.backlog.isEmpty;
    const hasRoom = this.backlog.freeSlots(life) > 0 && life.loadOf(redoTaskId) < concurrency;
    return hasNothingElse && hasRoom && this.backlog.unpausedUntil(redoTaskId) !== undefined;
  }

  /**
   * Adds a task and begins it by the same COMMIT.
   *
   * @param tell is called when it is added, before it begins; never: it was not added
   */
  async addAndBegin(
    life: WorkerLife,
    type: HandledType,
    newTask: NewTask,
    tell: (added: AddedTask) => void,
  ): Promise<void> {
    const { dialect } = this.database;
    const knocks = this.backlog.unpausedUntil(type.redoTaskId);
    if (knocks === undefined) return;
    const commitsItself = dialect.insertAndMark !== undefined;
    const turn = life.turns.next();
    let stage = 'waits for a connection' as 'waits for a connection' | 'open' | 'commits';
    try {
      const sentAt = performance.now();
      const holding = () => {
        const own = life.holding();
        if (commitsItself) stage = 'commits';
        return own;
      };
      const { added, marked } = await this.database[commitsItself ? 'autocommit' : 'transaction'](
        function* () {
          stage = 'open';
          const written = yield* addRunning(dialect, life.identity, turn, newTask, holding, knocks);
          stage = 'commits';
          return written;
        },
        life.patience,
      );
      tell(added);
      // Whoever added it goes on before its handler does.
      await turnOfTheEventLoop();
      if (!marked) this.backlog.expect(type.redoTaskId);
      else if (!life.over) {
        life.lease.renewed(sentAt);
        const held = { task: marked, type, since: performance.now(), knocks };
        await this.run(life, [held]);
      }
    } catch (error) {
      // It surely did not happen: it may be this worker's row alone that can't be written.
      if (stage === 'open' || dialect.isRefused(error)) return;
      // Its answer may be lost: then the task is there.
      this.backlog.expect(type.redoTaskId);
      throw error;
    } finally {
      turn.leave();
    }
  }

  /** Resolves when all have begun: each where the stack is empty, in this order. */
  private async run(life: WorkerLife, starts: readonly HeldTask[]): Promise<void> {
    this.backlog.began(starts.length);
    for (const held of starts)
      void execute(() => this.next(life, held), this.options.redact).then((executed) => {
        if (!executed) return;
        life.end(executed.running, executed.outcome);
        this.bell.ring();
      });
    await emptyStack;
  }

  private next(life: WorkerLife, held: HeldTask): RunningTask | undefined {
    // A handler that blocks this process for longer than the lease: others may have the next tasks by now.
    if (life.over || life.lease.left() <= 0) return undefined;
    const running = life.begin(held);
    this.overtime.watch(life, running);
    const { id, redoTaskId, execTimes } = held.task;
    this.events.emit('started', { id, redoTaskId, attempt: execTimes + 1 });
    return running;
  }
}
