import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import { setImmediate as turn, setTimeout as delay } from 'node:timers/promises';
import { Inject, Injectable } from '@nestjs/common';
import { RedoHandlerRegistry } from '../handlers/handler.registry.js';
import { MissingTablesError } from '../redo.errors.js';
import { RedoEvents } from '../redo.events.js';
import * as messages from '../redo.messages.js';
import { REDO_OPTIONS, type ResolvedRedoOptions } from '../redo.options.js';
import {
  type Appetite,
  claim,
  type Claim,
  type FreeSight,
  lockResource,
  lookPastHeld,
  readClaimed,
} from '../store/claim.js';
import { REDO_DATABASE, type Database } from '../store/database.js';
import { LeaseLostError, register, writeOwnRow } from '../store/ledger.js';
import { ensureLockRow } from '../store/lock.row.js';
import { flush, handBack } from '../store/settle.js';
import type { DecodedTask } from '../store/task.row.js';
import { Bell } from './bell.js';
import { DatabaseClock } from './database.clock.js';
import { DueTypes } from './due.types.js';
import { Lease } from './lease.js';
import { Pace } from './pace.js';
import { PassesUnderWay, type RedrivePass } from './redrive.pass.js';
import { settlementOf, settlementOfExhausted, settlementOfUndecodable, type Stamp } from './retry.policy.js';
import { tellReaped, tellSettled, type Told } from './settlement.events.js';
import { execute, ShutdownAbort } from './task.executor.js';
import { Trouble } from './trouble.js';
import { type HeldTask, type RunningTask, WorkerLife } from './worker.life.js';

/** A held task that waits this long is handed back, so that another instance can have it, or it is judged anew, ms. */
const LONGEST_HOLD = 1_000;
/** Known moments further ahead than this are left to the schedule, ms. */
const HORIZON = 60_000;
/** How long the last write of a stopping worker is tried, ms. */
const LAST_WRITE = 3_000;

type Step = 'register' | 'renew' | 'claim' | 'flush' | 'look';

const DOING: Record<Step, string> = {
  register: 'register this worker',
  renew: 'renew the lease',
  claim: 'claim tasks',
  flush: 'settle and start tasks',
  look: 'look for due tasks',
};

/**
 * The engine: one loop that does one thing at a time with this worker's ledger row (register, claim, flush, renew), so the
 * row has one writer, and rests when there is nothing to do. Handlers run beside it and ring when they end; all that ended
 * while a step was under way goes into the next flush together.
 */
@Injectable()
export class RedriveCycle {
  private phase: 'idle' | 'running' | 'draining' | 'stopped' = 'idle';
  private life: WorkerLife | undefined;
  private loop: Promise<void> = Promise.resolve();
  private drainUntil = Infinity;

  private lookWanted = false;
  private reapWanted = false;
  private claimedLast = false;
  private lockedInARow = 0;
  private claimNotBefore = 0;
  private paused: ReadonlySet<string> = new Set();
  private heldElsewhere: ReadonlyMap<string, number> = new Map();

  private readonly host = hostname();
  private readonly bell = new Bell();
  private readonly clock = new DatabaseClock();
  private readonly trouble = new Trouble();
  private readonly due = new DueTypes(HORIZON);
  private readonly pace = new Pace(LONGEST_HOLD / 2);
  private readonly passes = new PassesUnderWay();
  private readonly lease: Lease;

  constructor(
    @Inject(REDO_DATABASE) private readonly database: Database,
    @Inject(REDO_OPTIONS) private readonly options: ResolvedRedoOptions,
    private readonly registry: RedoHandlerRegistry,
    private readonly events: RedoEvents,
  ) {
    this.lease = new Lease(options.lease, () => {
      if (this.life) this.loseLease(this.life, messages.leaseNotRenewed(options.lease));
      this.bell.ring();
    });
  }

  get isRunning(): boolean {
    return this.phase === 'running';
  }

  start(): void {
    if (this.phase !== 'idle') return;
    this.phase = 'running';
    this.loop = this.run();
  }

  /** Asks the one cheap question, when there is room for what it may find. */
  tick(): void {
    this.lookWanted = true;
    this.bell.ring();
  }

  /** A task of this type is due in `delay` ms: known here, so nobody needs to ask. */
  wake(redoTaskId: string, delayMs: number): void {
    if (!this.registry.handled(redoTaskId)) return;
    if (delayMs > 0) this.due.markIn(redoTaskId, delayMs);
    else this.due.mark(redoTaskId);
    this.bell.ring();
  }

  /** Takes everything that is due for this instance and resolves when it has ended and is settled. */
  pass(): Promise<RedrivePass> {
    if (!this.isRunning) return Promise.reject(new Error(messages.notRunning()));
    for (const { redoTaskId } of this.registry.handledTypes()) this.due.mark(redoTaskId);
    this.claimedLast = false;
    const ended = this.passes.begin();
    this.bell.ring();
    return ended;
  }

  /** Stops claiming, waits for running handlers, settles what ended and hands back the rest. */
  async stop(): Promise<void> {
    if (this.phase === 'idle') this.phase = 'stopped';
    if (this.phase !== 'running') return this.loop;
    this.phase = 'draining';
    this.passes.fail(new Error(messages.notRunning()));
    this.drainUntil = performance.now() + this.options.shutdownTimeout;
    this.bell.ring();
    const loopEnded = this.loop.then(() => true);
    const inTime = await Promise.race([
      loopEnded,
      delay(this.options.shutdownTimeout + LAST_WRITE, false, { ref: false }),
    ]);
    if (this.life) {
      this.life.abort(new ShutdownAbort(messages.shuttingDown));
      await turn();
      await turn();
      if (inTime) await this.handBackRest(this.life);
    }
    this.lease.end();
    this.life = undefined;
    this.phase = 'stopped';
  }

  // The loop

  private async run(): Promise<void> {
    while (!this.drained()) {
      const step = this.nextStep();
      if (step) await this.attempt(step);
      else await this.bell.rest(this.restFor());
      this.finishPasses();
    }
  }

  private nextStep(): Step | undefined {
    if (this.trouble.restFor() > 0) return undefined;
    const { life } = this;
    if (!life) return this.isRunning ? 'register' : undefined;
    if (this.lease.renewIn() <= 0 || this.surplus(life).length > 0) return 'renew';
    const flushable = this.isFlushable(life);
    const hungry = this.appetite(life) !== undefined;
    if (hungry && !(flushable && this.claimedLast)) return 'claim';
    if (flushable) return 'flush';
    if (this.lookWanted && this.isRunning && this.room(life) > 0) return 'look';
    return undefined;
  }

  /** Whatever fails is tried again, after a rest that grows: nothing that happens to a database stops the loop. */
  private async attempt(step: Step): Promise<void> {
    const { life } = this;
    try {
      if (step === 'register') await this.register();
      else if (life) await this[step](life);
      const failures = this.trouble.over();
      if (failures > 0) this.events.emit('recovered', { doing: DOING[step], failures });
    } catch (error) {
      if (error instanceof LeaseLostError) {
        if (life && life === this.life) this.loseLease(life, messages.leaseTaken);
        return;
      }
      const { failures, retryIn } = this.trouble.failed();
      this.events.emit('trouble', { doing: DOING[step], error: this.explained(error), failures, retryIn });
    }
  }

  private restFor(): number {
    const now = performance.now();
    const moments = [this.drainUntil - now];
    const trouble = this.trouble.restFor();
    if (trouble > 0) return Math.min(trouble, ...moments);
    if (this.life) {
      moments.push(this.lease.renewIn());
      const [oldest] = this.life.held.values();
      if (oldest) moments.push(oldest.since + LONGEST_HOLD - now);
      if (this.isRunning) moments.push(this.due.next());
      if (this.claimNotBefore > now) moments.push(this.claimNotBefore - now);
    }
    return Math.min(...moments);
  }

  private drained(): boolean {
    if (this.phase !== 'draining') return false;
    const idle = !this.life || (this.life.running.size === 0 && this.life.held.size === 0);
    return idle || performance.now() >= this.drainUntil;
  }

  private finishPasses(): void {
    if (!this.passes.any || !this.life || this.life.held.size > 0 || this.life.running.size > 0) return;
    if ([...this.due.now()].every((type) => this.paused.has(type))) this.passes.finish();
  }

  // The steps: each is one short transaction

  private async register(): Promise<void> {
    const { applicationName, lease } = this.options;
    const handlers = this.registry.handledTypes().map(({ redoTaskId }) => redoTaskId);
    const identity = {
      id: randomUUID(),
      applicationName,
      host: this.host,
      pid: process.pid,
      handlers,
      lease,
    };
    const { dialect } = this.database;
    const sentAt = performance.now();
    await this.database.transaction(function* () {
      yield* ensureLockRow(dialect, lockResource(applicationName));
      yield* register(dialect, identity);
    });
    this.life = new WorkerLife(identity);
    this.lease.renewed(sentAt);
    this.lookWanted = true;
    this.events.emit('workerStarted', { workerId: identity.id, redoTaskIds: handlers });
  }

  private async renew(life: WorkerLife): Promise<void> {
    for (const { task } of this.surplus(life)) {
      life.held.delete(task.id);
      this.due.mark(task.redoTaskId);
    }
    const { dialect } = this.database;
    const sentAt = performance.now();
    await this.database.transaction(() => writeOwnRow(dialect, life.identity, life.holding()));
    if (life === this.life) this.lease.renewed(sentAt);
  }

  private async look(life: WorkerLife): Promise<void> {
    this.lookWanted = false;
    const wanted = new Map(
      this.registry
        .handledTypes()
        .filter(({ redoTaskId }) => !this.paused.has(redoTaskId))
        .map(({ redoTaskId }) => [redoTaskId, 1]),
    );
    const { dialect } = this.database;
    const sight = await this.database.run(() =>
      lookPastHeld(dialect, life.identity, life.holding(), wanted, this.heldElsewhere),
    );
    this.remember(sight);
    for (const type of sight.due.keys()) this.due.mark(type);
    this.reapWanted = sight.workers.some(({ id, leaseLeft }) => leaseLeft < 0 && id !== life.identity.id);
  }

  private async claim(life: WorkerLife): Promise<void> {
    const appetite = this.appetite(life);
    if (!appetite) return;
    this.claimedLast = true;
    const { dialect } = this.database;
    const sentAt = performance.now();
    const claimed = await this.database.transaction(() =>
      claim(dialect, life.identity, life.holding(), appetite, this.heldElsewhere),
    );
    if (life !== this.life) return;
    if (claimed.kind === 'locked') return this.comeBackSoon();
    this.lockedInARow = 0;
    this.reapWanted = false;
    this.lease.renewed(sentAt);
    this.remember(claimed.sight);
    this.rememberDue(appetite, claimed);
    this.tellClaimed(claimed);
    const ids = [...claimed.ids.values()].flat();
    if (ids.length === 0) return;
    const decoded = await this.database.run(() => readClaimed(ids));
    if (life === this.life) this.hold(life, decoded);
  }

  private async flush(life: WorkerLife): Promise<void> {
    this.claimedLast = false;
    const ended = life.ended();
    const judged = [...life.held.values()].filter(({ verdict }) => verdict);
    const draining = this.phase === 'draining';
    const starts = draining ? [] : life.nextStarts(this.options.concurrency - life.active);
    const told = this.settlements(ended, judged);
    const leaving = new Set(
      [...ended, ...judged, ...(draining ? life.held.values() : [])].map(({ task }) => task.id),
    );
    const { dialect } = this.database;
    const sentAt = performance.now();
    await this.database.transaction(() =>
      flush(
        dialect,
        life.identity,
        life.holding(leaving, starts),
        told.map(({ settlement }) => settlement),
        this.keepSucceeded,
      ),
    );
    if (life !== this.life) return;
    this.lease.renewed(sentAt);
    for (const id of leaving) {
      life.held.delete(id);
      life.running.delete(id);
    }
    this.begin(life, starts);
    this.tell(told);
  }

  /** The last write; what it can't write, the others find when the lease has run out. */
  private async handBackRest(life: WorkerLife): Promise<void> {
    const told = this.settlements(life.ended(), []);
    const handedBack = life.held.size + life.running.size - told.length;
    const { dialect } = this.database;
    const giveUpAt = performance.now() + LAST_WRITE;
    for (let wait = 20; ; wait *= 2) {
      try {
        await this.database.transaction(() =>
          handBack(
            dialect,
            life.identity,
            told.map(({ settlement }) => settlement),
            this.keepSucceeded,
          ),
        );
        this.tell(told);
        return this.events.emit('workerStopped', { workerId: life.identity.id, handedBack });
      } catch (error) {
        if (error instanceof LeaseLostError) return this.loseLease(life, messages.leaseTaken);
        const { failures } = this.trouble.failed();
        const retryIn = performance.now() + wait < giveUpAt ? wait : Infinity;
        this.events.emit('trouble', {
          doing: 'hand back tasks',
          error: this.explained(error),
          failures,
          retryIn,
        });
        if (retryIn === Infinity) return;
        await delay(wait);
      }
    }
  }

  // What there is room for

  /** What to claim now; undefined: nothing, or not yet. */
  private appetite(life: WorkerLife): Appetite | undefined {
    if (!this.isRunning || performance.now() < this.claimNotBefore) return undefined;
    const total = this.room(life);
    const perType = new Map<string, number>();
    for (const redoTaskId of this.due.now()) {
      const type = this.registry.handled(redoTaskId);
      if (!type || this.paused.has(redoTaskId)) continue;
      const { concurrency } = type.policy;
      const most = concurrency ? Math.min(total, concurrency - life.loadOf(redoTaskId)) : total;
      if (most > 0) perType.set(redoTaskId, most);
    }
    if (perType.size === 0 && !this.reapWanted) return undefined;
    if (life.held.size > 0 && life.held.size > total) return undefined;
    return { total, perType };
  }

  /** Free slots, and as much beyond them as half a second lately used up: a slow instance holds nothing back from others. */
  private room(life: WorkerLife): number {
    const free = this.options.concurrency - life.active;
    return Math.min(Math.max(free, this.pace.lately()), this.options.batchSize) - life.held.size;
  }

  /** Held tasks that should be with somebody else. */
  private surplus(life: WorkerLife): HeldTask[] {
    const since = performance.now() - LONGEST_HOLD;
    return [...life.held.values()].filter(
      (held) => !held.verdict && (held.since < since || this.paused.has(held.task.redoTaskId)),
    );
  }

  private isFlushable(life: WorkerLife): boolean {
    if (life.ended().length > 0) return true;
    if (life.held.size === 0) return false;
    if (this.phase === 'draining') return true;
    const judged = [...life.held.values()].some(({ verdict }) => verdict);
    return judged || life.nextStarts(this.options.concurrency - life.active).length > 0;
  }

  // What a step found out

  private remember(sight: FreeSight): void {
    this.clock.set(sight.now);
    for (const type of this.paused) if (!sight.paused.has(type)) this.due.mark(type);
    this.paused = sight.paused;
    this.heldElsewhere = sight.heldElsewhere;
  }

  private rememberDue({ perType }: Appetite, claimed: Extract<Claim, { kind: 'claimed' }>): void {
    for (const type of perType.keys()) if (!claimed.more.has(type)) this.due.clear(type);
    for (const { freed } of claimed.reaped) for (const type of freed) this.wake(type, 0);
  }

  private comeBackSoon(): void {
    this.lockedInARow += 1;
    this.claimNotBefore = performance.now() + Math.min(3 * this.lockedInARow, 100) * (0.5 + Math.random());
    if (this.lockedInARow % 5 === 0) this.checkLockRow();
  }

  /** Somebody may have deleted the row instead of locking it. */
  private checkLockRow(): void {
    const { dialect } = this.database;
    this.database
      .run(() => ensureLockRow(dialect, lockResource(this.options.applicationName)))
      .catch((error: unknown) => {
        const { failures, retryIn } = this.trouble.failed();
        this.events.emit('trouble', { doing: DOING.claim, error: this.explained(error), failures, retryIn });
      });
  }

  private hold(life: WorkerLife, decoded: readonly DecodedTask[]): void {
    const since = performance.now();
    for (const { task, ...rest } of decoded) {
      const type = this.registry.handled(task.redoTaskId);
      if (!type) continue;
      const verdict =
        rest.kind === 'undecodable'
          ? settlementOfUndecodable(task, rest.reason, this.stamp())
          : settlementOfExhausted(task);
      life.held.set(task.id, { task, type, since, verdict });
    }
    this.passes.count('claimed', decoded.length);
  }

  private begin(life: WorkerLife, starts: readonly HeldTask[]): void {
    this.pace.add(starts.length);
    for (const { task, type } of starts) {
      life.held.delete(task.id);
      const running: RunningTask = { task, type, controller: new AbortController() };
      life.running.set(task.id, running);
      this.events.emit('started', { id: task.id, redoTaskId: task.redoTaskId, attempt: task.execTimes + 1 });
      void execute(type, task, running.controller).then((outcome) => {
        running.outcome = outcome;
        this.bell.ring();
      });
    }
  }

  private loseLease(life: WorkerLife, reason: string): void {
    this.life = undefined;
    this.lease.end();
    const running = life.active;
    const message = messages.leaseLost(life.identity.id, running, reason);
    life.abort(new Error(message));
    for (const { task } of [...life.held.values(), ...life.running.values()]) this.due.mark(task.redoTaskId);
    this.events.emit('leaseLost', { workerId: life.identity.id, running, reason });
  }

  // Outcomes into settlements, settlements into events

  private settlements(ended: readonly RunningTask[], judged: readonly HeldTask[]): Told[] {
    const stamp = this.stamp();
    const settled = ended.flatMap(({ task, type, outcome }) => {
      const settlement = outcome && settlementOf(task, outcome, type.policy, stamp);
      return settlement ? [{ task, settlement }] : [];
    });
    const verdicts = judged.flatMap(({ task, verdict }) => (verdict ? [{ task, settlement: verdict }] : []));
    return [...settled, ...verdicts];
  }

  private tell(told: readonly Told[]): void {
    for (const each of told) {
      const { settlement, task } = each;
      if (settlement.kind === 'again') this.wake(task.redoTaskId, settlement.delay);
      this.passes.count(tellSettled(this.events, each));
    }
  }

  private tellClaimed({ expired, reaped }: Extract<Claim, { kind: 'claimed' }>): void {
    for (const task of expired)
      this.events.emit('dead', { ...task, reason: 'EXPIRED', detail: null, attempts: null });
    this.passes.count('dead', expired.length);
    for (const each of reaped) tellReaped(this.events, each);
  }

  private get keepSucceeded(): boolean {
    return this.options.retention.succeeded > 0;
  }

  private stamp(): Stamp {
    return { time: this.clock.now(), host: this.host };
  }

  private explained(error: unknown): Error {
    if (this.database.dialect.isMissingTable(error))
      return new MissingTablesError(messages.missingTables(this.database.name), { cause: error });
    return error instanceof Error ? error : new Error(String(error));
  }
}
