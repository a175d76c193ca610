import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import { setImmediate as turn, setTimeout as delay } from 'node:timers/promises';
import { Inject, Injectable } from '@nestjs/common';
import { RedoHandlerRegistry } from '../handlers/handler.registry.js';
import { RedoError } from '../redo.errors.js';
import { RedoEvents } from '../redo.events.js';
import * as messages from '../redo.messages.js';
import { REDO_OPTIONS, type ResolvedRedoOptions } from '../redo.options.js';
import { lockResource } from '../store/claim.js';
import { type Database, REDO_DATABASE } from '../store/database.js';
import { LeaseLostError, register, writeOwnRow } from '../store/ledger.js';
import { ensureLockRow } from '../store/lock.row.js';
import { Backlog } from './backlog.js';
import { Bell } from './bell.js';
import { Claimer } from './claimer.js';
import { Lease } from './lease.js';
import { PassesUnderWay, type RedrivePass } from './redrive.pass.js';
import { Settler } from './settler.js';
import { ShutdownAbort } from './task.executor.js';
import { Trouble } from './trouble.js';
import { WorkerLife } from './worker.life.js';

/** How long the last write of a stopping worker is tried, ms. */
const LAST_WRITE = 3_000;

/** What the loop does next; each is one short transaction, or one statement. */
type Step = 'register' | 'renew' | 'claim' | 'flush' | 'look';

const DOING: Readonly<Record<Step | 'handBack', string>> = {
  register: 'register this worker',
  renew: 'renew the lease',
  claim: 'claim tasks',
  flush: 'settle and begin tasks',
  look: 'look for due tasks',
  handBack: 'hand tasks back',
};

/**
 * The engine: one loop that does one thing at a time with this worker's ledger row, so the row has one writer, and rests
 * when there is nothing to do. Handlers run beside it and ring the bell when they end; all that ended while a step was
 * under way goes into the next flush together.
 */
@Injectable()
export class RedriveCycle {
  private phase: 'idle' | 'running' | 'draining' | 'stopped' = 'idle';
  private life: WorkerLife | undefined;
  private loop: Promise<void> = Promise.resolve();
  private drainUntil = Infinity;
  private lookWanted = false;
  /** Claims and flushes take turns when there is work for both. */
  private claimedLast = false;
  private readonly trouble: Trouble;
  private readonly lease: Lease;

  constructor(
    @Inject(REDO_DATABASE) private readonly database: Database,
    @Inject(REDO_OPTIONS) private readonly options: ResolvedRedoOptions,
    private readonly registry: RedoHandlerRegistry,
    private readonly backlog: Backlog,
    private readonly claimer: Claimer,
    private readonly settler: Settler,
    private readonly passes: PassesUnderWay,
    private readonly events: RedoEvents,
    private readonly bell: Bell,
  ) {
    // Several tries within a lease, so that a short trouble does not cost it.
    this.trouble = new Trouble(Math.min(5_000, options.lease / 6));
    this.lease = new Lease(options.lease, () => {
      if (this.life) this.loseLease(this.life, messages.leaseNotRenewed(options.lease));
    });
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

  /** A task of this type is due in `delayMs`: known here, so nobody needs to ask. */
  wake(redoTaskId: string, delayMs: number): void {
    this.backlog.expect(redoTaskId, delayMs);
    this.bell.ring();
  }

  /** Takes everything that is due for this instance and resolves when it has ended and is settled. */
  pass(): Promise<RedrivePass> {
    if (this.phase !== 'running') return Promise.reject(new RedoError(messages.notRunning()));
    this.backlog.expectAll();
    const ended = this.passes.begin();
    this.bell.ring();
    return ended;
  }

  /** Stops claiming, waits for running handlers, settles what ended and hands back the rest. */
  async stop(): Promise<void> {
    if (this.phase === 'idle') this.phase = 'stopped';
    if (this.phase !== 'running') return this.loop;
    this.phase = 'draining';
    this.passes.fail(new RedoError(messages.notRunning()));
    this.drainUntil = performance.now() + this.options.shutdownTimeout;
    this.bell.ring();
    const patience = delay(this.options.shutdownTimeout + LAST_WRITE, 'stuck' as const, { ref: false });
    const loop = await Promise.race([this.loop, patience]);
    if (this.life) {
      this.life.abort(new ShutdownAbort(messages.shuttingDown));
      await turn();
      await turn();
      if (loop !== 'stuck') await this.handBack(this.life);
      this.life.over = true;
    }
    this.lease.end();
    this.life = undefined;
    this.phase = 'stopped';
  }

  private async run(): Promise<void> {
    while (!this.isDrained()) {
      const step = this.nextStep();
      if (step) await this.attempt(step);
      else await this.bell.rest(this.restFor());
      if (this.isPassOver()) this.passes.finish();
    }
  }

  private nextStep(): Step | undefined {
    const { life } = this;
    if (this.trouble.restFor() > 0) return undefined;
    if (!life) return this.phase === 'running' ? 'register' : undefined;
    if (this.lease.renewIn() <= 0) return 'renew';
    if (this.phase === 'draining') return life.ended().length > 0 || life.held.size > 0 ? 'flush' : undefined;
    if (this.backlog.surplus(life).length > 0) return 'renew';
    const canFlush = this.settler.hasWork(life);
    const canClaim = this.claimer.restFor() <= 0 && this.backlog.appetite(life) !== undefined;
    if (canClaim && !(canFlush && this.claimedLast)) return 'claim';
    if (canFlush) return 'flush';
    return this.lookWanted && this.backlog.room(life) > 0 ? 'look' : undefined;
  }

  /** Whatever fails is tried again, after a rest that grows: nothing that happens to a database ends the loop. */
  private async attempt(step: Step): Promise<void> {
    const { life } = this;
    const sentAt = performance.now();
    try {
      const wrote = await (life ? this.does[step](life) : this.register());
      if (wrote && this.life && !this.life.over) this.lease.renewed(sentAt);
      const failures = this.trouble.over();
      if (failures > 0) this.events.emit('recovered', { doing: DOING[step], failures });
    } catch (error) {
      if (step === 'look') this.lookWanted = true;
      if (!(error instanceof LeaseLostError)) this.troubled(step, error);
      else if (life && !life.over) this.loseLease(life, messages.leaseTaken);
    }
  }

  /** Each tells whether it wrote this worker's row, and so renewed the lease. */
  private readonly does: Readonly<Record<Step, (life: WorkerLife) => Promise<boolean>>> = {
    register: () => this.register(),
    renew: (life) => this.renew(life),
    claim: (life) => {
      this.claimedLast = true;
      // Under load the tick's question is part of a claim, or types that others add to would wait for the busy ones.
      if (this.lookWanted) this.backlog.expectAll();
      this.lookWanted = false;
      return this.claimer.claim(life);
    },
    flush: async (life) => {
      this.claimedLast = false;
      await (this.phase === 'draining' ? this.settler.flushOnly(life) : this.settler.flush(life));
      return true;
    },
    look: async (life) => {
      this.lookWanted = false;
      await this.claimer.look(life);
      return false;
    },
  };

  private async register(): Promise<boolean> {
    const { applicationName, lease } = this.options;
    const handlers = this.registry.handledTypes().map(({ redoTaskId }) => redoTaskId);
    const identity = {
      id: randomUUID(),
      applicationName,
      host: hostname(),
      pid: process.pid,
      handlers,
      lease,
    };
    const { dialect } = this.database;
    await this.database.transaction(function* () {
      yield* ensureLockRow(dialect, lockResource(applicationName));
      yield* register(dialect, identity);
    });
    this.life = new WorkerLife(identity);
    this.lookWanted = true;
    this.events.emit('workerStarted', { workerId: identity.id, redoTaskIds: handlers });
    return true;
  }

  private async renew(life: WorkerLife): Promise<boolean> {
    for (const { task } of this.backlog.surplus(life)) {
      life.forget(task.id);
      this.backlog.expect(task.redoTaskId);
    }
    const { dialect } = this.database;
    await this.database.transaction(() => writeOwnRow(dialect, life.identity, life.holding()));
    return true;
  }

  /** What can't be written here, the others find when the lease has run out. */
  private async handBack(life: WorkerLife): Promise<void> {
    const giveUpAt = performance.now() + LAST_WRITE;
    for (;;) {
      try {
        const handedBack = await this.settler.handBack(life);
        return this.events.emit('workerStopped', { workerId: life.identity.id, handedBack });
      } catch (error) {
        if (error instanceof LeaseLostError) return this.loseLease(life, messages.leaseTaken);
        const retryIn = this.troubled('handBack', error);
        if (performance.now() + retryIn > giveUpAt) return;
        await delay(retryIn);
      }
    }
  }

  private loseLease(life: WorkerLife, reason: string): void {
    const running = life.active;
    life.over = true;
    if (this.life === life) this.life = undefined;
    this.lease.end();
    life.abort(new RedoError(messages.leaseLost(life.identity.id, running, reason)));
    for (const { task } of [...life.held.values(), ...life.running.values()])
      this.backlog.expect(task.redoTaskId);
    this.events.emit('leaseLost', { workerId: life.identity.id, running, reason });
    this.bell.ring();
  }

  /** @returns ms until the next try */
  private troubled(doing: keyof typeof DOING, thrown: unknown): number {
    const { failures, retryIn } = this.trouble.failed();
    const error = thrown instanceof Error ? thrown : new Error(String(thrown));
    this.events.emit('trouble', { doing: DOING[doing], error, failures, retryIn });
    return retryIn;
  }

  /** ms to rest when there is nothing to do, unless the bell rings. */
  private restFor(): number {
    const draining = this.drainUntil - performance.now();
    const trouble = this.trouble.restFor();
    if (trouble > 0 || !this.life) return Math.min(trouble > 0 ? trouble : Infinity, draining);
    const claim = this.claimer.restFor();
    return Math.min(
      draining,
      this.lease.renewIn(),
      this.backlog.surplusIn(this.life),
      this.backlog.nextDueIn(),
      claim > 0 ? claim : Infinity,
    );
  }

  private isDrained(): boolean {
    if (this.phase !== 'draining') return false;
    const isEmpty = !this.life || (this.life.running.size === 0 && this.life.held.size === 0);
    return isEmpty || performance.now() >= this.drainUntil;
  }

  private isPassOver(): boolean {
    return (
      this.passes.any &&
      this.backlog.isEmpty &&
      this.life !== undefined &&
      this.life.held.size === 0 &&
      this.life.running.size === 0
    );
  }
}
