import { Inject, Injectable } from '@nestjs/common';
import { RedoEvents } from '../redo.events.js';
import { REDO_OPTIONS, type ResolvedRedoOptions } from '../redo.options.js';
import { type Database, REDO_DATABASE } from '../store/database.js';
import { handBack, settle, type Settled, type Settling } from '../store/settle.js';
import type { Turn } from '../store/turn.js';
import { Backlog } from './backlog.js';
import { DatabaseClock } from './database.clock.js';
import { PassesUnderWay } from './redrive.pass.js';
import { inPlainWords, settlementOf } from './retry.policy.js';
import { tellSettled, type Told } from './settlement.events.js';
import { type HeldTask, RunningTask, type WorkerLife } from './worker.life.js';

/** What a stopping worker handed back. */
export interface HandedBack {
  readonly count: number;
  /** Tasks that it could not settle yet. */
  readonly locked: ReadonlySet<number>;
}

/** Settles what ended. */
@Injectable()
export class Settler {
  /** Why the database refused the last settling: the next one goes without the handlers' words, which may be the cause. */
  private refused: string | undefined;

  constructor(
    @Inject(REDO_DATABASE) private readonly database: Database,
    @Inject(REDO_OPTIONS) private readonly options: ResolvedRedoOptions,
    private readonly backlog: Backlog,
    private readonly clock: DatabaseClock,
    private readonly passes: PassesUnderWay,
    private readonly events: RedoEvents,
  ) {}

  /** Settles everything that ended and that no other settling has. */
  async settle(life: WorkerLife): Promise<void> {
    const leaving = life.takeToSettle();
    const told = this.settlements(life, leaving);
    const turn = life.turns.next();
    try {
      const sentAt = performance.now();
      const { overtaken, locked } = await this.send(life, leaving, told, turn);
      if (life.over) return;
      life.lease.renewed(sentAt);
      for (const { task } of leaving)
        if (locked.has(task.id)) life.passOver(task.id);
        else life.forget(task.id);
      for (const each of told) {
        const { id, redoTaskId } = each.task;
        // A person has ended or revived it meanwhile.
        if (overtaken.has(id)) this.backlog.expect(redoTaskId);
        else if (!locked.has(id)) this.tell(each);
      }
    } finally {
      life.settlingEnded(leaving);
      turn.leave();
    }
  }

  /** The last write of a life: settles what ended; everything else it has is free at once, but what somebody has locked. */
  async handBack(life: WorkerLife, within: number): Promise<HandedBack> {
    const all = life.all();
    const told = this.settlements(life, all);
    const { dialect } = this.database;
    const turn = life.turns.next();
    try {
      const settling = this.settling(life, all, told);
      const { overtaken, locked } = await this.database.transaction(
        (tries) => handBack(dialect, life.identity, turn, atTry(tries, settling)),
        within,
      );
      for (const { task } of all) if (!locked.has(task.id)) life.forget(task.id);
      for (const each of told) if (!overtaken.has(each.task.id) && !locked.has(each.task.id)) this.tell(each);
      return { count: all.length - told.length, locked };
    } finally {
      turn.leave();
    }
  }

  /** How many of its tasks a worker that stops hands back as they are. */
  leftOver(life: WorkerLife): number {
    const all = life.all();
    return all.length - this.settlements(life, all).length;
  }

  private async send(
    life: WorkerLife,
    leaving: readonly (HeldTask | RunningTask)[],
    told: readonly Told[],
    turn: Turn,
  ): Promise<Settled> {
    const { dialect } = this.database;
    const settling = this.settling(life, leaving, told);
    const { refused } = this;
    try {
      const settled = await this.database.transaction(
        (tries) => settle(dialect, life.identity, turn, atTry(tries, settling)),
        life.patience,
      );
      // A settling beside the one that was refused tells nothing of it.
      if (refused) this.refused = undefined;
      return settled;
    } catch (error) {
      if (dialect.isRefused(error) && !dialect.isRolledBack(error)) this.refused = (error as Error).message;
      throw error;
    }
  }

  private settling(
    life: WorkerLife,
    leaving: readonly (HeldTask | RunningTask)[],
    told: readonly Told[],
  ): Settling {
    const ids = leaving.map(({ task }) => task.id);
    return {
      settlements: told.map(({ settlement }) => settlement),
      keepSucceeded: this.keepSucceeded,
      mayBet: !life.hasPassedOver,
      holding: (locked) => life.holding(new Set(ids.filter((id) => !locked.has(id)))),
    };
  }

  private settlements(life: WorkerLife, leaving: readonly (HeldTask | RunningTask)[]): Told[] {
    const stamp = { time: this.clock.now(), host: life.identity.host };
    const told: Told[] = [];
    for (const each of leaving) {
      const { task, type } = each;
      const settlement =
        each instanceof RunningTask
          ? each.outcome && settlementOf(task, each.outcome, type.policy, stamp)
          : each.verdict;
      if (settlement)
        told.push({
          task,
          settlement: this.refused ? inPlainWords(settlement, this.refused, stamp) : settlement,
        });
    }
    return told;
  }

  private tell(settled: Told): void {
    const { settlement, task } = settled;
    if (settlement.kind === 'again') this.backlog.expect(task.redoTaskId, settlement.delay);
    this.passes.count(tellSettled(this.events, settled));
  }

  private get keepSucceeded(): boolean {
    return this.options.retention.succeeded > 0;
  }
}

/** Who has lost a bet does not make it again. */
const atTry = (tries: number, settling: Settling): Settling => ({
  ...settling,
  mayBet: settling.mayBet && tries === 1,
});
