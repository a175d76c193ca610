import { Inject, Injectable } from '@nestjs/common';
import { RedoEvents } from '../redo.events.js';
import { REDO_OPTIONS, type ResolvedRedoOptions } from '../redo.options.js';
import { type Database, REDO_DATABASE } from '../store/database.js';
import { handBack, settle, type Settled, type Settling } from '../store/settle.js';
import type { Turn } from '../store/turn.js';
import { Backlog } from './backlog.js';
import { DatabaseClock } from './database.clock.js';
import { type Keeps, keepsWhatIsSoon } from './keeping.js';
import { PassesUnderWay } from './redrive.pass.js';
import { inPlainWords, settledAgain, settlementOf } from './retry.policy.js';
import { tellSettled, type Told } from './settlement.events.js';
import { type HeldTask, RunningTask } from './task.in.hand.js';
import type { WorkerLife } from './worker.life.js';

/** What a stopping worker handed back. */
export interface HandedBack {
  readonly count: number;
  /** Tasks that it could not settle yet. */
  readonly locked: ReadonlySet<number>;
}

/** One that ended, and what becomes of it. */
interface Ended extends Told {
  /** Once that is written it stays in hand for its next attempt: the same COMMIT holds it, so that no claim has to. */
  readonly kept: RunningTask | undefined;
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
    const ended = this.ended(life, leaving, this.keeping(life));
    const turn = life.turns.next();
    try {
      const sentAt = performance.now();
      const { overtaken, locked } = await this.send(life, leaving, ended, turn);
      if (life.over) return;
      life.lease.renewed(sentAt);
      for (const { task } of leaving)
        if (locked.has(task.id)) life.passOver(task.id);
        else life.forget(task.id);
      for (const each of ended) {
        const { id, redoTaskId } = each.task;
        // A person has ended or revived it meanwhile.
        if (overtaken.has(id)) this.backlog.expect(redoTaskId);
        else if (!locked.has(id)) this.isSettled(life, each);
      }
    } finally {
      life.settlingEnded(leaving);
      turn.leave();
    }
  }

  /** The last write of a life: settles what ended; everything else it has is free at once, but what somebody has locked. */
  async handBack(life: WorkerLife, within: number): Promise<HandedBack> {
    const all = life.all();
    const ended = this.ended(life, all);
    const { dialect } = this.database;
    const turn = life.turns.next();
    try {
      const settling = this.settling(life, all, ended);
      const { overtaken, locked } = await this.database.transaction(
        (tries) => handBack(dialect, life.identity, turn, atTry(tries, settling)),
        within,
      );
      for (const { task } of all) if (!locked.has(task.id)) life.forget(task.id);
      for (const each of ended)
        if (!overtaken.has(each.task.id) && !locked.has(each.task.id)) this.isSettled(life, each);
      return { count: all.length - ended.length, locked };
    } finally {
      turn.leave();
    }
  }

  /** How many of its tasks a worker that stops hands back as they are. */
  leftOver(life: WorkerLife): number {
    const all = life.all();
    return all.length - this.ended(life, all).length;
  }

  private async send(
    life: WorkerLife,
    leaving: readonly (HeldTask | RunningTask)[],
    ended: readonly Ended[],
    turn: Turn,
  ): Promise<Settled> {
    const { dialect } = this.database;
    const settling = this.settling(life, leaving, ended);
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
    ended: readonly Ended[],
  ): Settling {
    const all = leaving.map(({ task }) => task.id);
    return {
      settlements: ended.map(({ settlement }) => settlement),
      keepSucceeded: this.keepSucceeded,
      mayBet: !life.hasPassedOver,
      holding: ({ locked, overtaken }) => {
        const ids = all.filter((id) => !locked.has(id));
        const kept = ended.flatMap((each) => (each.kept ? [each.task.id] : []));
        const written = kept.filter((id) => !locked.has(id) && !overtaken.has(id));
        return life.holding({ leaving: new Set(ids), kept: new Set(written) });
      },
    };
  }

  private ended(life: WorkerLife, leaving: readonly (HeldTask | RunningTask)[], keeps?: Keeps): Ended[] {
    const stamp = { time: this.clock.now(), host: life.identity.host };
    const ended: Ended[] = [];
    for (const each of leaving) {
      const { task, type } = each;
      const told =
        each instanceof RunningTask
          ? each.outcome && settlementOf(task, each.outcome, type.policy, stamp)
          : each.verdict;
      if (!told) continue;
      const settlement = this.refused ? inPlainWords(told, this.refused, stamp) : told;
      const kept = keeps?.(each, settlement) ? each : undefined;
      ended.push({ task, settlement, kept });
    }
    return ended;
  }

  private keeping(life: WorkerLife): Keeps | undefined {
    const isWrittenAsKnown = this.refused === undefined;
    return isWrittenAsKnown ? keepsWhatIsSoon(this.backlog.waiting(life), this.clock.now()) : undefined;
  }

  private isSettled(life: WorkerLife, ended: Ended): void {
    const { settlement, task, kept } = ended;
    if (settlement.kind === 'again')
      if (kept) life.keep(kept, settledAgain(task, settlement), settlement.delay);
      else this.backlog.expect(task.redoTaskId, settlement.delay);
    this.passes.count(tellSettled(this.events, ended));
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
