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
import { LAST_WRITE, LastWrite } from './last.write.js';
import { Loops, type Step } from './loops.js';
import { PassesUnderWay, type RedrivePass } from './redrive.pass.js';
import { Registrar } from './registrar.js';
import { Settler } from './settler.js';
import { Starter } from './starter.js';
import { ShutdownAbort } from './task.executor.js';
import { Troubles } from './troubles.js';
import { within } from './within.js';
import { patienceOf, type WorkerLife } from './worker.life.js';

/**
 * The engine: it does what its {@link Loops} have next. This worker's ledger row, which all of them write, has one writer at a time
 * (`Turns`). Handlers run beside them and ring the bell when they end; all that ended while a step was under way is settled together.
 * Every order of its statements, with every fault, is checked by the model in `test/model`: a change of the order of statements
 * is made there too.
 */
@Injectable()
export class RedriveCycle {
  private ended: Promise<unknown> = Promise.resolve();

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
    private readonly loops: Loops,
  ) {}

  start(): void {
    if (this.loops.phase !== 'idle') return;
    this.loops.phase = 'running';
    this.ended = this.loops.run((step) => this.attempt(step));
  }

  /** Asks the one cheap question, when there is room for what it may find. */
  tick(): void {
    this.loops.lookWanted = true;
    this.bell.ring();
  }

  /** A task of this type is due in `delayMs`: known here, so nobody needs to ask. */
  wake(redoTaskId: string, delayMs: number): void {
    if (this.loops.phase !== 'running') return;
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
    const { life, isAtRest, phase } = this.loops;
    const mayBegin = phase === 'running' && this.troubles.allow('begin');
    if (!life || !isAtRest || !mayBegin || !this.starter.couldBegin(life, type)) return undefined;
    return new Promise((resolve, reject) => {
      const adding = () => this.starter.addAndBegin(life, type, task, resolve);
      this.loops.add(adding).then(() => resolve(undefined), reject);
    });
  }

  /**
   * Takes everything that is due for this instance and resolves at the first moment at which nothing of it is left: it has
   * ended and is settled. While new tasks keep coming, or the database is away, that moment may be long in coming.
   */
  pass(): Promise<RedrivePass> {
    if (this.loops.phase !== 'running') return Promise.reject(new RedoError(messages.notRunning()));
    this.expectAll();
    const ended = this.passes.begin();
    this.bell.ring();
    return ended;
  }

  /** Stops claiming, waits for running handlers, settles what ended and hands back the rest. Never throws. */
  async stop(): Promise<void> {
    if (this.loops.phase === 'idle') this.loops.phase = 'stopped';
    if (this.loops.phase !== 'running') {
      await this.ended;
      return;
    }
    this.loops.phase = 'draining';
    this.passes.fail(new RedoError(messages.notRunning()));
    this.loops.drainUntil = performance.now() + this.options.shutdownTimeout;
    this.bell.ring();
    // A step that hangs ends by itself, its connection with it: a pool can't be closed before.
    const { lease, shutdownTimeout } = this.options;
    const ended = await within(shutdownTimeout + patienceOf(lease) + LAST_WRITE, this.ended);
    const { life } = this.loops;
    if (life) {
      life.abort(new ShutdownAbort(messages.shuttingDown));
      await turn();
      await turn();
      if (ended !== 'late' && !life.over) await this.sayFarewell(life);
      life.over = true;
      life.lease.end();
    }
    this.loops.life = undefined;
    this.loops.phase = 'stopped';
    this.bell.ring();
  }

  /** A claim asks for some of many types only: those that have anything are looked for first. */
  private expectAll(): void {
    if (!this.backlog.isOfMany) return this.backlog.expectAll();
    this.backlog.forget();
    this.loops.lookWanted = true;
  }

  /** Whatever fails is tried again, after a rest that grows: nothing that happens to a database ends the loop. */
  private async attempt(step: Step): Promise<void> {
    const { life } = this.loops;
    try {
      await (life ? this.does[step](life) : this.register());
      this.troubles.succeeded(step);
    } catch (error) {
      if (step === 'look') this.loops.lookWanted = true;
      if (!(error instanceof LeaseLostError)) this.troubles.failed(step, error);
      else if (life) this.loseLease(life, messages.leaseTaken);
    }
  }

  private readonly does: Readonly<Record<Step, (life: WorkerLife) => Promise<void>>> = {
    register: () => this.register(),
    renew: (life) => this.registrar.renew(life, this.loops.surplus(life)),
    begin: async (life) => {
      const isBegun = await this.starter.begin(life);
      if (!isBegun && !(await this.claimer.readAgain(life))) await this.registrar.renew(life, []);
    },
    claim: (life) => {
      this.loops.claimedLast = true;
      // Under load the tick's question is part of a claim, or types that others add to would wait for the busy ones.
      if (this.loops.lookWanted) this.backlog.expectAll();
      this.loops.lookWanted = false;
      return this.claimer.claim(life);
    },
    settle: (life) => {
      this.loops.claimedLast = false;
      return this.settler.settle(life);
    },
    look: async (life) => {
      this.loops.lookWanted = false;
      const reached = await this.claimer.look(life);
      if (reached) await this.registrar.renew(life, [], reached);
    },
  };

  private async register(): Promise<void> {
    const reason = messages.leaseNotRenewed(this.options.lease);
    const life = await this.registrar.register((lapsed) => this.loseLease(lapsed, reason));
    // Too late: its row holds nothing, and goes when its lease has run out.
    if (this.loops.phase !== 'running') return life.lease.end();
    this.loops.life = life;
    // What another life knew holds by the knocks at another row.
    this.backlog.forget();
    this.loops.lookWanted = true;
    const { id, handlers } = life.identity;
    this.events.emit('workerStarted', { workerId: id, redoTaskIds: handlers() });
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
    if (this.loops.life === life) this.loops.life = undefined;
    life.abort(new RedoError(messages.leaseLost(life.identity.id, running, reason)));
    for (const { task } of life.all()) this.backlog.expect(task.redoTaskId);
    this.events.emit('leaseLost', { workerId: life.identity.id, running, reason });
    this.bell.ring();
  }
}
