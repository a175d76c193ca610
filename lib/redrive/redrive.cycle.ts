import { setImmediate as turn } from 'node:timers/promises';
import { Inject, Injectable } from '@nestjs/common';
import type { HandledType } from '../handlers/handler.registry.js';
import { RedoError } from '../redo.errors.js';
import { RedoEvents } from '../redo.events.js';
import * as messages from '../redo.messages.js';
import { REDO_OPTIONS, type ResolvedRedoOptions } from '../redo.options.js';
import type { AddedTask, NewTask } from '../store/insert.js';
import { LeaseLostError } from '../store/ledger.js';
import { Backlog } from './backlog.js';
import { Bell } from './bell.js';
import { Claimer } from './claimer.js';
import { Lane } from './lane.js';
import { LAST_WRITE, LastWrite } from './last.write.js';
import { PassesUnderWay, type RedrivePass } from './redrive.pass.js';
import { Registrar } from './registrar.js';
import { Settler } from './settler.js';
import { Starter } from './starter.js';
import { ShutdownAbort } from './task.executor.js';
import { type Doing, Troubles } from './troubles.js';
import { within } from './within.js';
import { type HeldTask, patienceOf, WorkerLife } from './worker.life.js';

/** From so many tasks on claims and settlings go on side by side; smaller ones take turns, so that more share one COMMIT. */
const MANY = 250;
/** While one settling waits for its COMMIT the database is busy with the other. */
const SETTLINGS = 2;

/** What a loop does next. */
type Step = Exclude<Doing, 'handBack'>;

/**
 * The engine: loops that do one thing at a time each, and rest when there is nothing to do. One keeps this worker alive
 * and begins what it holds, one claims, two settle what ended: so the database and the handlers are busy at the same time. This
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
  /** A task is being added to begin: no claim looks meanwhile, which might find it committed before its id is known here. */
  private isAdding = false;
  /** Claiming and settling take turns when there is work for both. */
  private claimedLast = false;
  private readonly workerLane: Lane<Step>;
  private readonly claimLane: Lane<Step>;
  private readonly settleLanes: readonly Lane<Step>[];

  constructor(
    @Inject(REDO_OPTIONS) private readonly options: ResolvedRedoOptions,
    private readonly registrar: Registrar,
    private readonly backlog: Backlog,
    private readonly claimer: Claimer,
    private readonly starter: Starter,
    private readonly settler: Settler,
    private readonly lastWrite: LastWrite,
    private readonly passes: PassesUnderWay,
    private readonly troubles: Troubles,
    private readonly events: RedoEvents,
    private readonly bell: Bell,
  ) {
    const lane = (nextStep: () => Step | undefined, rest: () => number) =>
      new Lane(bell, nextStep, rest, (step) => this.attempt(step));
    this.workerLane = lane(
      () => this.nextOfWorker(),
      () => this.restOfWorker(),
    );
    this.claimLane = lane(
      () => this.nextOfClaims(),
      () => this.restOfClaims(),
    );
    this.settleLanes = Array.from({ length: SETTLINGS }, () =>
      lane(
        () => this.nextOfSettlings(),
        () => this.restOfSettlings(),
      ),
    );
  }

  start(): void {
    if (this.phase !== 'idle') return;
    this.phase = 'running';
    const lanes = [this.workerLane, this.claimLane, ...this.settleLanes];
    this.loop = Promise.all(lanes.map((lane) => lane.run(() => this.isDrained())));
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
    const { life, workerLane, claimLane } = this;
    const isAtRest = !workerLane.isBusy && !claimLane.isBusy && !this.passes.any;
    const mayBegin = this.phase === 'running' && this.troubles.allow('begin');
    if (!life || !isAtRest || !mayBegin || !this.starter.couldBegin(life, type)) return undefined;
    this.isAdding = true;
    return new Promise((resolve, reject) => {
      const adding = this.starter
        .addAndBegin(life, type, task, resolve)
        .finally(() => (this.isAdding = false));
      workerLane.occupy(adding).then(() => resolve(undefined), reject);
    });
  }

  /**
   * Takes everything that is due for this instance and resolves at the first moment at which nothing of it is left: it has
   * ended and is settled. While new tasks keep coming, or the database is away, that moment may be long in coming.
   */
  pass(): Promise<RedrivePass> {
    if (this.phase !== 'running') return Promise.reject(new RedoError(messages.notRunning()));
    this.expectAll();
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
      if (ended !== 'late' && !life.over) await this.sayFarewell(life);
      life.over = true;
      life.lease.end();
    }
    this.life = undefined;
    this.phase = 'stopped';
    this.bell.ring();
  }

  /** A claim asks for some of many types only: those that have anything are looked for first. */
  private expectAll(): void {
    if (!this.backlog.isOfMany) return this.backlog.expectAll();
    this.backlog.forget();
    this.lookWanted = true;
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
    if (!life || this.isAdding) return undefined;
    const wantsToLook = this.lookWanted || this.backlog.lookForMissedIn(life) <= 0;
    const mayLook = phase === 'running' && wantsToLook && this.troubles.allow('look');
    const hasRoom = this.backlog.room(life) > 0;
    if (mayLook && hasRoom && this.backlog.isOfMany) return 'look';
    const appetite = this.canClaim() ? this.backlog.appetite(life) : undefined;
    if (appetite) {
      const isFirst = !this.isSettling && !(this.claimedLast && this.canSettle(life));
      return appetite.total >= MANY || isFirst ? 'claim' : undefined;
    }
    if (mayLook && hasRoom) return 'look';
    if (life.isEmpty && this.backlog.isEmpty && !wantsToLook) this.passes.finish();
    return undefined;
  }

  private nextOfSettlings(): Step | undefined {
    const { life } = this;
    if (!life || !this.canSettle(life)) return undefined;
    const wantsToClaim = this.canClaim() && this.backlog.appetite(life) !== undefined;
    const isFirst = !this.claimLane.isBusy && !this.isSettling && (this.claimedLast || !wantsToClaim);
    return life.toSettle >= MANY || isFirst ? 'settle' : undefined;
  }

  private get isSettling(): boolean {
    return this.settleLanes.some(({ isBusy }) => isBusy);
  }

  private canSettle(life: WorkerLife): boolean {
    return this.troubles.allow('settle') && life.toSettle > 0;
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
    const { life, backlog } = this;
    if (life && this.phase === 'running') {
      const locked = this.claimer.restFor();
      if (this.troubles.allow('claim')) moments.push(locked > 0 ? locked : backlog.nextDueIn());
      if (this.troubles.allow('look') && backlog.room(life) > 0) moments.push(backlog.lookForMissedIn(life));
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
    renew: (life) => this.registrar.renew(life, this.surplus(life)),
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
    const reason = messages.leaseNotRenewed(this.options.lease);
    const life = await this.registrar.register((lapsed) => this.loseLease(lapsed, reason));
    // Too late: its row holds nothing, and goes when its lease has run out.
    if (this.phase !== 'running') return life.lease.end();
    this.life = life;
    this.lookWanted = true;
    const { id, handlers } = life.identity;
    this.events.emit('workerStarted', { workerId: id, redoTaskIds: handlers() });
  }

  /** Held tasks to hand back; while it stops: all. */
  private surplus(life: WorkerLife): HeldTask[] {
    if (this.phase === 'running') return this.backlog.surplus(life);
    return [...life.held.values()].filter(({ verdict }) => verdict === undefined);
  }

  private async sayFarewell(life: WorkerLife): Promise<void> {
    const farewell = await this.lastWrite.handBack(life);
    if (farewell.kind === 'leaseLost') this.loseLease(life, messages.leaseTaken);
    if (farewell.kind !== 'handedBack') return;
    this.events.emit('workerStopped', { workerId: life.identity.id, handedBack: farewell.count });
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
    const isEmpty = !this.life || (this.life.isEmpty && !this.isAdding);
    return isEmpty || performance.now() >= this.drainUntil;
  }
}
