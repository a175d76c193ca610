import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import { setImmediate as turn, setTimeout as delay } from 'node:timers/promises';
import { Inject, Injectable } from '@nestjs/common';
import { type HandledType, RedoHandlerRegistry } from '../handlers/handler.registry.js';
import { RedoError } from '../redo.errors.js';
import { RedoEvents } from '../redo.events.js';
import * as messages from '../redo.messages.js';
import { REDO_OPTIONS, type ResolvedRedoOptions } from '../redo.options.js';
import { lockResource } from '../store/claim.js';
import { type Database, REDO_DATABASE } from '../store/database.js';
import type { AddedTask, NewTask } from '../store/insert.js';
import { LeaseLostError, register, type WorkerIdentity, writeOwnRow } from '../store/ledger.js';
import { ensureLockRow } from '../store/lock.row.js';
import { Backlog } from './backlog.js';
import { Bell } from './bell.js';
import { Claimer } from './claimer.js';
import { Lease } from './lease.js';
import { PassesUnderWay, type RedrivePass } from './redrive.pass.js';
import { Settler } from './settler.js';
import { Starter } from './starter.js';
import { ShutdownAbort } from './task.executor.js';
import { type Doing, Troubles } from './troubles.js';
import { within } from './within.js';
import { type HeldTask, patienceOf, WorkerLife } from './worker.life.js';

/** How long the last write of a stopping worker is tried, ms. */
const LAST_WRITE = 3_000;
/** From so many tasks on a claim and a settling go on side by side; smaller ones take turns, so that more share one COMMIT. */
const MANY = 250;

/** What a loop does next. */
type Step = Exclude<Doing, 'handBack'>;

/** Steps that follow one another. */
interface Lane {
  /** A step is under way. */
  isBusy: boolean;
  readonly nextStep: () => Step | undefined;
  /** ms until there may be something to do, unless the bell rings. */
  readonly rest: () => number;
}

/**
 * The engine: three loops that do one thing at a time each, and rest when there is nothing to do. One keeps this worker alive
 * and begins what it holds, one claims, one settles what ended: so the database and the handlers are busy at the same time. This
 * worker's ledger row, which all write, has one writer at a time (`Turns`). Handlers run beside them and ring the bell when
 * they end; all that ended while a step was under way is settled together. Every order of its statements, with every fault, is
 * checked by the model in `test/model`: a change of the order of statements is made there too.
 */
@Injectable()
export class RedriveCycle {
  private phase: 'idle' | 'running' | 'draining' | 'stopped' = 'idle';
  private life: WorkerLife | undefined;
  private loop: Promise<unknown> = Promise.resolve();
  private drainUntil = Infinity;
  private lookWanted = false;
  /** Claiming and settling take turns when there is work for both. */
  private claimedLast = false;
  private readonly workerLane: Lane = {
    isBusy: false,
    nextStep: () => this.nextOfWorker(),
    rest: () => this.restOfWorker(),
  };
  private readonly claimLane: Lane = {
    isBusy: false,
    nextStep: () => this.nextOfClaims(),
    rest: () => this.restOfClaims(),
  };
  private readonly settleLane: Lane = {
    isBusy: false,
    nextStep: () => this.nextOfSettlings(),
    rest: () => this.restOfSettlings(),
  };
  private readonly troubles: Troubles;

  constructor(
    @Inject(REDO_DATABASE) private readonly database: Database,
    @Inject(REDO_OPTIONS) private readonly options: ResolvedRedoOptions,
    private readonly registry: RedoHandlerRegistry,
    private readonly backlog: Backlog,
    private readonly claimer: Claimer,
    private readonly starter: Starter,
    private readonly settler: Settler,
    private readonly passes: PassesUnderWay,
    private readonly events: RedoEvents,
    private readonly bell: Bell,
  ) {
    this.troubles = new Troubles(options.lease, events);
  }

  start(): void {
    if (this.phase !== 'idle') return;
    this.phase = 'running';
    this.loop = Promise.all([this.workerLane, this.claimLane, this.settleLane].map((lane) => this.run(lane)));
  }

  /** Asks the one cheap question, when there is room for what it may find. */
  tick(): void {
    this.lookWanted = true;
    this.bell.ring();
  }

  /** A task of this type is due in `delayMs`: known here, so nobody needs to ask. */
  wake(redoTaskId: string, delayMs: number): void {
    if (this.phase !== 'running') return;
    this.backlog.expect(redoTaskId, delayMs);
    this.bell.ring();
  }

  /**
   * Adds a task and begins it by the same COMMIT, if this worker has nothing else to begin: a lone task neither waits for a
   * claim nor costs one.
   *
   * @returns `undefined`: it was not added
   */
  addAndBegin(type: HandledType, task: NewTask): undefined | Promise<AddedTask | undefined> {
    const { life, workerLane } = this;
    const isAtRest =
      this.phase === 'running' && !workerLane.isBusy && this.troubles.allow('begin') && !this.passes.any;
    if (!life || !isAtRest || !this.starter.couldBegin(life, type)) return undefined;
    return new Promise((resolve, reject) => {
      const begun = this.occupy(workerLane, this.starter.addAndBegin(life, type, task, resolve));
      begun.then(() => resolve(undefined), reject);
    });
  }

  /**
   * Takes everything that is due for this instance and resolves at the first moment at which nothing of it is left: it has
   * ended and is settled. While new tasks keep coming, or the database is away, that moment may be long in coming.
   */
  pass(): Promise<RedrivePass> {
    if (this.phase !== 'running') return Promise.reject(new RedoError(messages.notRunning()));
    this.backlog.expectAll();
    const ended = this.passes.begin();
    this.bell.ring();
    return ended;
  }

  /** Stops claiming, waits for running handlers, settles what ended and hands back the rest. Never throws. */
  async stop(): Promise<void> {
    if (this.phase === 'idle') this.phase = 'stopped';
    if (this.phase !== 'running') {
      await this.loop;
      return;
    }
    this.phase = 'draining';
    this.passes.fail(new RedoError(messages.notRunning()));
    this.drainUntil = performance.now() + this.options.shutdownTimeout;
    this.bell.ring();
    // A step that hangs ends by itself, its connection with it: a pool can't be closed before.
    const { lease, shutdownTimeout } = this.options;
    const ended = await within(shutdownTimeout + patienceOf(lease) + LAST_WRITE, this.loop);
    const { life } = this;
    if (life) {
      life.abort(new ShutdownAbort(messages.shuttingDown));
      await turn();
      await turn();
      if (ended !== 'late' && !life.over) await this.handBack(life);
      life.over = true;
      life.lease.end();
    }
    this.life = undefined;
    this.phase = 'stopped';
    this.bell.ring();
  }

  private async run(lane: Lane): Promise<void> {
    const sleeper = this.bell.sleeper();
    while (lane.isBusy || !this.isDrained()) {
      // Asked first: what falls due between the two questions is done, and not slept over.
      const ms = lane.rest();
      const step = lane.isBusy ? undefined : lane.nextStep();
      if (step) await this.occupy(lane, this.attempt(step));
      else await sleeper.rest(ms);
    }
  }

  private async occupy<T>(lane: Lane, step: Promise<T>): Promise<T> {
    lane.isBusy = true;
    try {
      return await step;
    } finally {
      lane.isBusy = false;
      this.bell.ring();
    }
  }

  /** It must not stop living: what this lane does is never held up by much. */
  private nextOfWorker(): Step | undefined {
    const { life } = this;
    if (!life) return this.phase === 'running' && this.troubles.allow('register') ? 'register' : undefined;
    // What a failed renewal was to hand back is forgotten here, and still in its row.
    const mustRewrite = this.surplus(life).length > 0 || this.troubles.lastTryFailed('renew');
    const mustRenew = life.lease.renewIn() <= 0 || mustRewrite;
    // Never begins what is to be handed back.
    if (mustRenew) return this.troubles.allow('renew') ? 'renew' : undefined;
    return this.phase === 'running' && this.troubles.allow('begin') && this.starter.canBegin(life)
      ? 'begin'
      : undefined;
  }

  private nextOfClaims(): Step | undefined {
    const { life, phase } = this;
    if (!life) return undefined;
    const appetite = this.canClaim() ? this.backlog.appetite(life) : undefined;
    if (appetite) {
      const isFirst = !this.settleLane.isBusy && !(this.claimedLast && this.canSettle(life));
      return appetite.total >= MANY || isFirst ? 'claim' : undefined;
    }
    const mayLook = phase === 'running' && this.lookWanted && this.troubles.allow('look');
    if (mayLook && this.backlog.room(life) > 0) return 'look';
    if (life.isEmpty && this.backlog.isEmpty) this.passes.finish();
    return undefined;
  }

  private nextOfSettlings(): Step | undefined {
    const { life } = this;
    if (!life || !this.canSettle(life)) return undefined;
    const wantsToClaim = this.canClaim() && this.backlog.appetite(life) !== undefined;
    const isFirst = !this.claimLane.isBusy && (this.claimedLast || !wantsToClaim);
    return life.unsettled >= MANY || isFirst ? 'settle' : undefined;
  }

  private canSettle(life: WorkerLife): boolean {
    return this.troubles.allow('settle') && life.hasToSettle;
  }

  private canClaim(): boolean {
    return this.phase === 'running' && this.troubles.allow('claim') && this.claimer.restFor() <= 0;
  }

  private restOfWorker(): number {
    const { life } = this;
    const moments = [
      ...this.troubles.rests('register', 'renew', 'begin'),
      this.drainUntil - performance.now(),
    ];
    if (life && this.troubles.allow('renew'))
      moments.push(life.lease.renewIn(), this.backlog.surplusIn(life));
    return Math.max(1, Math.min(...moments));
  }

  private restOfClaims(): number {
    const moments = [...this.troubles.rests('claim', 'look'), this.drainUntil - performance.now()];
    if (this.life && this.troubles.allow('claim') && this.phase === 'running') {
      const locked = this.claimer.restFor();
      moments.push(locked > 0 ? locked : this.backlog.nextDueIn());
    }
    return Math.max(1, Math.min(...moments));
  }

  private restOfSettlings(): number {
    const moments = [...this.troubles.rests('settle'), this.drainUntil - performance.now()];
    if (this.life && this.troubles.allow('settle')) moments.push(this.life.passedOverFor());
    return Math.max(1, Math.min(...moments));
  }

  /** Whatever fails is tried again, after a rest that grows: nothing that happens to a database ends the loop. */
  private async attempt(step: Step): Promise<void> {
    const { life } = this;
    try {
      await (life ? this.does[step](life) : this.register());
      this.troubles.succeeded(step);
    } catch (error) {
      if (step === 'look') this.lookWanted = true;
      if (!(error instanceof LeaseLostError)) this.troubles.failed(step, error);
      else if (life) this.loseLease(life, messages.leaseTaken);
    }
  }

  private readonly does: Readonly<Record<Step, (life: WorkerLife) => Promise<void>>> = {
    register: () => this.register(),
    renew: (life) => this.renew(life),
    begin: async (life) => {
      if (!(await this.starter.begin(life))) await this.claimer.readAgain(life);
    },
    claim: (life) => {
      this.claimedLast = true;
      // Under load the tick's question is part of a claim, or types that others add to would wait for the busy ones.
      if (this.lookWanted) this.backlog.expectAll();
      this.lookWanted = false;
      return this.claimer.claim(life);
    },
    settle: (life) => {
      this.claimedLast = false;
      return this.settler.settle(life);
    },
    look: (life) => {
      this.lookWanted = false;
      return this.claimer.look(life);
    },
  };

  private async register(): Promise<void> {
    const { applicationName, lease: length } = this.options;
    const handlers = () => this.registry.handledTypes().map(({ redoTaskId }) => redoTaskId);
    const own = { id: randomUUID(), applicationName, host: hostname(), pid: process.pid };
    const identity: WorkerIdentity = { ...own, handlers, lease: length };
    const { dialect } = this.database;
    const sentAt = performance.now();
    await this.database.transaction(function* () {
      yield* ensureLockRow(dialect, lockResource(applicationName));
      yield* register(dialect, identity);
    }, patienceOf(length));
    // Too late: its row holds nothing, and goes when its lease has run out.
    if (this.phase !== 'running') return;
    const onLapse = () => this.loseLease(life, messages.leaseNotRenewed(length));
    const life = new WorkerLife(identity, new Lease(length, onLapse));
    life.lease.renewed(sentAt);
    this.life = life;
    this.lookWanted = true;
    this.events.emit('workerStarted', { workerId: identity.id, redoTaskIds: handlers() });
  }

  private async renew(life: WorkerLife): Promise<void> {
    for (const { task } of this.surplus(life)) {
      life.forget(task.id);
      this.backlog.expect(task.redoTaskId);
    }
    const { dialect } = this.database;
    const turn = life.turns.next();
    try {
      const sentAt = performance.now();
      await this.database.autocommit(
        () => writeOwnRow(dialect, life.identity, turn, () => life.holding()),
        life.patience,
      );
      if (!life.over) life.lease.renewed(sentAt);
    } finally {
      turn.leave();
    }
  }

  /** Held tasks to hand back; while it stops: all. */
  private surplus(life: WorkerLife): HeldTask[] {
    if (this.phase === 'running') return this.backlog.surplus(life);
    return [...life.held.values()].filter(({ verdict }) => verdict === undefined);
  }

  /** What can't be written here, the others find when the lease has run out. */
  private async handBack(life: WorkerLife): Promise<void> {
    const giveUpAt = performance.now() + LAST_WRITE;
    for (let handedBack = 0, mayBeDone = false; ; mayBeDone = true) {
      try {
        const left = giveUpAt - performance.now();
        // It ends by itself in that time, unless there is no connection to be had.
        const done = await within(2 * left, this.settler.handBack(life, left));
        if (done === 'late') return;
        const { count, locked } = done.value;
        handedBack += count;
        if (locked.size > 0) throw new RedoError(messages.tasksLocked([...locked]));
        return this.stopped(life, handedBack);
      } catch (error) {
        if (error instanceof LeaseLostError) {
          // Nobody takes it for dead before its lease has run out: an earlier try was committed, and its answer lost.
          const isDone = mayBeDone && life.lease.left() > 0;
          if (isDone) return this.stopped(life, handedBack + this.settler.leftOver(life));
          return this.loseLease(life, messages.leaseTaken);
        }
        const retryIn = this.troubles.failed('handBack', error);
        if (performance.now() + retryIn > giveUpAt) return;
        await delay(retryIn);
      }
    }
  }

  private stopped({ identity }: WorkerLife, handedBack: number): void {
    this.events.emit('workerStopped', { workerId: identity.id, handedBack });
  }

  private loseLease(life: WorkerLife, reason: string): void {
    if (life.over) return;
    const running = life.active;
    life.over = true;
    life.lease.end();
    if (this.life === life) this.life = undefined;
    life.abort(new RedoError(messages.leaseLost(life.identity.id, running, reason)));
    for (const { task } of life.all()) this.backlog.expect(task.redoTaskId);
    this.events.emit('leaseLost', { workerId: life.identity.id, running, reason });
    this.bell.ring();
  }

  private isDrained(): boolean {
    if (this.phase === 'stopped') return true;
    if (this.phase !== 'draining') return false;
    return !this.life || this.life.isEmpty || performance.now() >= this.drainUntil;
  }
}
