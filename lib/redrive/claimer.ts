import { Inject, Injectable } from '@nestjs/common';
import { RedoHandlerRegistry } from '../handlers/handler.registry.js';
import { RedoEvents } from '../redo.events.js';
import {
  type Appetite,
  claim,
  type Claim,
  isLockRowFree,
  lockResource,
  readAgain,
  readClaimed,
  type ReadTasks,
} from '../store/claim.js';
import { type Database, REDO_DATABASE } from '../store/database.js';
import { type FreeSight, lookForFree } from '../store/free.sight.js';
import { ensureLockRow } from '../store/lock.row.js';
import { isNews, type Reached } from '../store/reached.js';
import type { Settlement } from '../store/settlement.js';
import type { DecodedTask } from '../store/task.row.js';
import type { Turn } from '../store/turn.js';
import { Backlog } from './backlog.js';
import { DatabaseClock } from './database.clock.js';
import { LockRest } from './lock.rest.js';
import { PassesUnderWay } from './redrive.pass.js';
import { settlementOfExhausted, settlementOfUndecodable } from './retry.policy.js';
import { tellReaped } from './settlement.events.js';
import { LOCKED_FOR, type WorkerLife } from './worker.life.js';

/** Looks for due tasks and takes them. */
@Injectable()
export class Claimer {
  private readonly lockRest = new LockRest();

  constructor(
    @Inject(REDO_DATABASE) private readonly database: Database,
    private readonly registry: RedoHandlerRegistry,
    private readonly backlog: Backlog,
    private readonly clock: DatabaseClock,
    private readonly passes: PassesUnderWay,
    private readonly events: RedoEvents,
  ) {}

  /** ms until it may claim again, after the lock row was taken; 0 or less: now. */
  restFor(): number {
    return this.lockRest.left();
  }

  /**
   * The one cheap question of an idle instance. Locks nothing and writes nothing.
   *
   * @returns what it has seen from the start, so that no other idle instance has to read past what many have
   */
  async look(life: WorkerLife): Promise<Reached | undefined> {
    const { dialect } = this.database;
    const { identity } = life;
    const { epoch } = this.backlog;
    this.backlog.looks(life);
    const sight = await this.database.read(
      () => lookForFree(dialect, identity, life, this.backlog.lookout(), this.backlog.elsewhere),
      life.patience,
    );
    this.clock.set(sight.now);
    this.backlog.remember(sight, epoch);
    for (const type of sight.due.keys()) this.backlog.expect(type);
    this.backlog.reapWanted = sight.workers.some(({ id, leaseLeft }) => leaseLeft < 0 && id !== identity.id);
    return sight.reached && isNews(sight.reached, sight.now) ? sight.reached : undefined;
  }

  /** Takes what there is room for; comes back soon when somebody else has the lock row. */
  async claim(life: WorkerLife): Promise<void> {
    const appetite = this.backlog.appetite(life);
    if (!appetite) return;
    if (this.lockRest.isLastFoundTaken && !(await this.isLockRowFree(life))) return this.comeBackSoon(life);
    const claimed = await this.take(life, appetite);
    if (claimed.kind === 'locked') return this.comeBackSoon(life);
    this.tell(claimed);
    if (life.claimed.size > 0) await this.read(life, claimed.sight);
  }

  /** What it takes is this worker's from the same moment in memory as in its row. */
  private async take(life: WorkerLife, appetite: Appetite): Promise<Claim> {
    const { epoch } = this.backlog;
    const turn = life.turns.next();
    try {
      const sentAt = performance.now();
      const claimed = await this.ask(life, turn, appetite);
      if (claimed.kind === 'locked') return claimed;
      this.lockRest.claimed(performance.now() - sentAt);
      this.learn(claimed, appetite, epoch);
      if (life.over) return claimed;
      life.lease.renewed(sentAt);
      for (const { id, redoTaskId } of claimed.taken) life.claimed.set(id, redoTaskId);
      return claimed;
    } finally {
      turn.leave();
    }
  }

  /**
   * Somebody has changed tasks or paused a type: what is held is read again.
   *
   * @returns whether all of it is still to be run; else this worker's row says of some that it holds them
   */
  async readAgain(life: WorkerLife): Promise<boolean> {
    const held = [...life.held.keys()];
    const { dialect } = this.database;
    const read = await this.database.read(() => readAgain(dialect, life.identity, held), life.patience);
    if (life.over) return true;
    this.backlog.rememberPaused(read.paused, read.knocks);
    const found = new Set(read.tasks.map(({ task }) => task.id));
    for (const id of held) if (!found.has(id)) life.forget(id);
    this.hold(life, { ...read, tasks: read.tasks.filter(({ task }) => life.held.has(task.id)) });
    return found.size === held.length;
  }

  /** What is asked for counts as asked from here on: a task that is added while the answer is under way marks it anew. */
  private async ask(life: WorkerLife, turn: Turn, appetite: Appetite): Promise<Claim> {
    const { dialect } = this.database;
    const asked = [...appetite.perType.keys()];
    const { reapWanted } = this.backlog;
    for (const type of asked) this.backlog.exhausted(type);
    this.backlog.reapWanted = false;
    let claimed: Claim = { kind: 'locked' };
    try {
      claimed = await this.database.transaction(
        () => claim(dialect, life.identity, turn, life, appetite, this.backlog.elsewhere),
        life.patience,
      );
      return claimed;
    } finally {
      const left = claimed.kind === 'claimed' ? claimed.more.keys() : asked;
      for (const type of left) this.backlog.expect(type);
      if (claimed.kind !== 'claimed') this.backlog.reapWanted = reapWanted;
    }
  }

  private learn(claimed: Extract<Claim, { kind: 'claimed' }>, appetite: Appetite, epoch: number): void {
    this.clock.set(claimed.sight.now);
    this.backlog.remember(claimed.sight, epoch);
    this.backlog.lastServed = claimed.taken.at(-1)?.redoTaskId ?? this.backlog.lastServed;
    this.backlog.dealt(appetite, claimed.more);
    if (claimed.sight.mayHaveMissed) this.backlog.mayHaveMissed();
    for (const type of claimed.passedOver) this.backlog.expect(type, LOCKED_FOR);
    for (const { freed } of claimed.reaped) for (const type of freed) this.backlog.expect(type);
  }

  /** Ids that can't be read now leave the worker's row with its next write, and are asked for again. */
  private async read(life: WorkerLife, sight: FreeSight): Promise<void> {
    const ids = [...life.claimed.keys()];
    const { dialect } = this.database;
    try {
      const read = await this.database.read(() => readClaimed(dialect, life.identity.id, ids), life.patience);
      if (life.over) return;
      // Whoever has paused a type since the look has knocked since, too: then it is all read again.
      this.hold(life, { ...read, knocks: Math.min(read.knocks ?? 0, sight.knocks ?? 0) });
      this.passes.count('claimed', read.tasks.length);
    } catch (error) {
      for (const redoTaskId of life.claimed.values()) this.backlog.expect(redoTaskId);
      throw error;
    } finally {
      life.claimed.clear();
    }
  }

  private hold(life: WorkerLife, { tasks, knocks = 0 }: ReadTasks): void {
    const now = performance.now();
    for (const decoded of tasks) {
      const { task } = decoded;
      const type = this.registry.handled(task.redoTaskId);
      if (!type) continue;
      const { since = now, dueAt } = life.held.get(task.id) ?? {};
      life.hold({ task, type, since, knocks, dueAt, verdict: this.verdictOn(decoded, life.identity.host) });
    }
  }

  private verdictOn(decoded: DecodedTask, host: string): Settlement | undefined {
    const { task } = decoded;
    if (decoded.kind === 'runnable') return settlementOfExhausted(task);
    return settlementOfUndecodable(task, decoded.reason, { time: this.clock.now(), host });
  }

  private tell({ expired, reaped }: Extract<Claim, { kind: 'claimed' }>): void {
    for (const { id, redoTaskId } of expired)
      this.events.emit('dead', { id, redoTaskId, reason: 'EXPIRED', detail: null, attempts: null });
    this.passes.count('dead', expired.length);
    for (const each of reaped) tellReaped(this.events, each);
  }

  /** Asked before a transaction is begun for it, by whoever has found it taken: most who come back come too early. */
  private isLockRowFree({ identity, patience }: WorkerLife): Promise<boolean> {
    const { dialect } = this.database;
    return this.database.autocommit(() => isLockRowFree(dialect, identity.applicationName), patience);
  }

  /** That the lock row is missing looks the same as that somebody has it. */
  private async comeBackSoon({ identity, patience }: WorkerLife): Promise<void> {
    if (this.lockRest.wasTaken() % 5 > 0) return;
    const { dialect } = this.database;
    await this.database.transaction(
      () => ensureLockRow(dialect, lockResource(identity.applicationName)),
      patience,
    );
  }
}
