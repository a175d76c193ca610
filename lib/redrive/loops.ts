import { Injectable } from '@nestjs/common';
import { Backlog } from './backlog.js';
import { Bell } from './bell.js';
import { Claimer } from './claimer.js';
import { Lane } from './lane.js';
import { PassesUnderWay } from './redrive.pass.js';
import { Starter } from './starter.js';
import type { HeldTask } from './task.in.hand.js';
import { type Doing, Troubles } from './troubles.js';
import type { WorkerLife } from './worker.life.js';

/** From so many tasks on claims and settlings go on side by side; smaller ones take turns, so that more share one COMMIT. */
const MANY = 250;
/** While one settling waits for its COMMIT the database is busy with the other. */
const SETTLINGS = 2;

/** What a loop does next. */
export type Step = Exclude<Doing, 'handBack'>;

/**
 * The engine's loops, which do one thing at a time each, and rest when there is nothing to do. One keeps the worker alive
 * and begins what it holds, one claims, two settle what ended: so the database and the handlers are busy at the same time. What
 * each does next, and how long it rests, is decided here; what that is, by whoever runs them.
 */
@Injectable()
export class Loops {
  phase: 'idle' | 'running' | 'draining' | 'stopped' = 'idle';
  life: WorkerLife | undefined;
  /** When a shutdown waits no longer, monotonic clock, ms. */
  drainUntil = Infinity;
  lookWanted = false;
  /** Claiming and settling take turns when there is work for both. */
  claimedLast = false;
  /** A task is being added to begin: no claim looks meanwhile, which might find it committed before its id is known here. */
  private isAdding = false;
  private readonly workerLane: Lane<Step>;
  private readonly claimLane: Lane<Step>;
  private readonly settleLanes: readonly Lane<Step>[];

  constructor(
    private readonly backlog: Backlog,
    private readonly claimer: Claimer,
    private readonly starter: Starter,
    private readonly passes: PassesUnderWay,
    private readonly troubles: Troubles,
    bell: Bell,
  ) {
    const lane = (nextStep: () => Step | undefined, rest: () => number) => new Lane(bell, nextStep, rest);
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

  /**
   * Ends when the engine has stopped and no step is under way.
   *
   * @param take never fails
   */
  run(take: (step: Step) => Promise<void>): Promise<unknown> {
    const lanes = [this.workerLane, this.claimLane, ...this.settleLanes];
    return Promise.all(lanes.map((lane) => lane.run(take, () => this.isDrained())));
  }

  /** Nothing is begun or claimed just now, and nobody waits for what is due. */
  get isAtRest(): boolean {
    return !this.workerLane.isBusy && !this.claimLane.isBusy && !this.passes.any;
  }

  /** A step of the worker's that somebody else takes: nothing is begun beside it, nor claimed. */
  async add(adding: () => Promise<void>): Promise<void> {
    this.isAdding = true;
    await this.workerLane.occupy(adding().finally(() => (this.isAdding = false)));
  }

  /** Held tasks to hand back; while it stops: all. */
  surplus(life: WorkerLife): HeldTask[] {
    if (this.phase === 'running') return this.backlog.surplus(life);
    return [...life.held.values()].filter(({ verdict }) => verdict === undefined);
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
    const lookForMissedIn = this.backlog.lookForMissedIn(life);
    const wantsToLook = this.lookWanted || lookForMissedIn <= 0;
    const mayLook = phase === 'running' && wantsToLook && this.troubles.allow('look');
    const hasRoom = this.backlog.room(life) > 0;
    if (mayLook && hasRoom && this.backlog.isOfMany) return 'look';
    const appetite = this.canClaim() ? this.backlog.appetite(life) : undefined;
    if (appetite) {
      const isFirst = !this.isSettling && !(this.claimedLast && this.canSettle(life));
      return appetite.total >= MANY || isFirst ? 'claim' : undefined;
    }
    if (mayLook && hasRoom) return 'look';
    const isAllSeen = !this.lookWanted && lookForMissedIn === Infinity;
    if (life.hasNothingDue && this.backlog.isEmpty && isAllSeen) this.passes.finish();
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
      moments.push(life.lease.renewIn(), this.backlog.surplusIn(life), life.nextKeptIn());
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

  private isDrained(): boolean {
    if (this.phase === 'stopped') return true;
    if (this.phase !== 'draining') return false;
    const isEmpty = !this.life || (this.life.isEmpty && !this.isAdding);
    return isEmpty || performance.now() >= this.drainUntil;
  }
}
