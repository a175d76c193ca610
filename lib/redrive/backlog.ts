import { Inject, Injectable } from '@nestjs/common';
import { RedoHandlerRegistry } from '../handlers/handler.registry.js';
import { REDO_OPTIONS, type ResolvedRedoOptions } from '../redo.options.js';
import type { Appetite } from '../store/claim.js';
import { type FreeSight, MANY, NOBODY_ELSE } from '../store/free.sight.js';
import type { Place } from '../store/place.js';
import type { Wanted } from '../store/sight.js';
import { DatabaseClock } from './database.clock.js';
import { DueTypes } from './due.types.js';
import { Frontier } from './frontier.js';
import type { Waiting } from './keeping.js';
import { Pace } from './pace.js';
import type { HeldTask } from './task.in.hand.js';
import type { WorkerLife } from './worker.life.js';

/** A held task that waits this long is handed back, so that another instance can have it, or it is judged anew, ms. */
const LONGEST_HOLD = 1_000;
/** Known moments further ahead than this are left to the schedule, ms. */
const HORIZON = 60_000;
/** What claims may have missed is looked for by then, ms. */
const MISSED_FOR = 1_000;
/** Each type costs a claim a SELECT, so that it asks for so many at the most. */
const TYPES_AT_ONCE = 10;

/** What this instance knows of the backlog, and how much of it it wants. */
@Injectable()
export class Backlog {
  /** A worker's lease seems to have run out: claim, even if nothing is due. */
  reapWanted = false;
  /** The type that was dealt a place last. */
  lastServed: string | undefined;
  elsewhere = NOBODY_ELSE;

  /** Counts the calls of `forget`: what was asked before the last one must not undo it. */
  epoch = 0;

  private paused: ReadonlySet<string> = new Set();
  /** How often somebody had knocked at this worker when that was read; whoever pauses a type knocks afterwards. */
  private knocks: number | undefined;
  private readonly due = new DueTypes(HORIZON);
  private readonly frontier = new Frontier();
  /** When to look from the start for what claims may have missed, monotonic clock, ms. */
  private lookForMissedAt = Infinity;
  /** The last type that the last claim asked for. */
  private lastAsked = '';
  private readonly pace = new Pace(LONGEST_HOLD / 2);

  constructor(
    @Inject(REDO_OPTIONS) private readonly options: ResolvedRedoOptions,
    private readonly registry: RedoHandlerRegistry,
    private readonly clock: DatabaseClock,
  ) {}

  /** A task of this type is due, or will be in `delay` ms. */
  expect(redoTaskId: string, delay = 0): void {
    if (!this.registry.handled(redoTaskId)) return;
    if (delay > 0) this.due.markIn(redoTaskId, delay);
    else this.due.mark(redoTaskId);
  }

  /** More types than a claim asks for. */
  get isOfMany(): boolean {
    return this.registry.handledTypes().length > TYPES_AT_ONCE;
  }

  /** Nothing is known any more, but what is due: neither what was paused nor how far claims had come. */
  forget(): void {
    this.paused = new Set();
    this.knocks = undefined;
    this.epoch += 1;
    this.frontier.clear();
    this.lookForMissedAt = Infinity;
  }

  /** Something may be due that comes before the place where claims went on. */
  mayHaveMissed(): void {
    this.lookForMissedAt = Math.min(this.lookForMissedAt, performance.now() + MISSED_FOR);
  }

  /**
   * ms until it should be looked for: when nothing else is left to do, since that look reads past all that was settled lately and all
   * that others have, or a second later. `Infinity`: nothing was missed.
   */
  lookForMissedIn(life: WorkerLife): number {
    if (this.lookForMissedAt === Infinity) return Infinity;
    const haveOthersMany = [...this.elsewhere.held.values()].some((size) => size >= MANY);
    return life.isEmpty && !haveOthersMany ? 0 : this.lookForMissedAt - performance.now();
  }

  /** A look begins. One that comes too early may go on from where others' claims ended, as the claim that missed something did. */
  looks(life: WorkerLife): void {
    if (this.lookForMissedIn(life) <= 0) this.lookForMissedAt = Infinity;
  }

  /** Everything may be due, also what was paused when it was last looked at. */
  expectAll(): void {
    this.forget();
    for (const { redoTaskId } of this.registry.handledTypes()) this.due.mark(redoTaskId);
  }

  /** Nothing of this type is due, as far as is known. */
  exhausted(redoTaskId: string): void {
    this.due.clear(redoTaskId);
  }

  /** Nothing is due, as far as is known, but what is paused. */
  get isEmpty(): boolean {
    return this.waitingTypes().length === 0;
  }

  waiting(life: WorkerLife): Waiting {
    const { batchSize, concurrency } = this.options;
    return { types: new Set(this.waitingTypes()), room: batchSize - concurrency - life.held.size };
  }

  /** A type is known not to be paused as long as nobody has knocked more often than this; undefined: it is not known, or is paused. */
  unpausedUntil(redoTaskId: string): number | undefined {
    return this.paused.has(redoTaskId) ? undefined : this.knocks;
  }

  /** ms until the next moment at which something is known to be due. */
  nextDueIn(): number {
    return this.due.next();
  }

  /** @param epoch when it was asked for */
  remember(sight: FreeSight, epoch: number): void {
    this.elsewhere = sight.elsewhere;
    if (epoch !== this.epoch) return;
    this.rememberPaused(sight.paused, sight.knocks);
  }

  /** @param knocks how often somebody had knocked at this worker, read no later; one who pauses a type knocks afterwards */
  rememberPaused(paused: ReadonlySet<string>, knocks: number | undefined): void {
    const isOlderThanWhatIsKnown = (knocks ?? Infinity) < (this.knocks ?? 0);
    if (isOlderThanWhatIsKnown) return;
    for (const type of this.paused) if (!paused.has(type)) this.due.mark(type);
    this.paused = paused;
    this.knocks = knocks;
  }

  /** How far a claim has come with the types of which there is more. */
  dealt({ perType, after }: Appetite, more: ReadonlyMap<string, Place | undefined>): void {
    for (const type of perType.keys()) {
      const place = more.get(type);
      if (place) this.frontier.reached(type, place, after);
      else this.frontier.clear([type]);
      this.lastAsked = type;
    }
  }

  began(count: number): void {
    this.pace.add(count);
  }

  /** What an idle instance looks for: one id of each type tells enough. */
  lookout(): Wanted {
    const types = this.registry.handledTypes().map(({ redoTaskId }) => redoTaskId);
    const perType = new Map(types.filter((type) => !this.paused.has(type)).map((type) => [type, 1]));
    return { perType, after: new Map() };
  }

  /** What to claim now, or undefined. */
  appetite(life: WorkerLife): Appetite | undefined {
    const total = this.room(life);
    const perType = new Map<string, number>();
    const asked = this.nextInTurn(this.waitingTypes().filter((type) => this.roomFor(type, life, total) > 0));
    // What is not taken was read for nothing; what is left of a type is asked for next.
    const twiceItsShare = Math.min(total, Math.ceil((2 * total) / asked.length));
    for (const type of asked) perType.set(type, this.roomFor(type, life, twiceItsShare));
    const enoughHeld = life.held.size > Math.max(0, total);
    const after = this.frontier.after(perType.keys());
    const appetite = { total: Math.max(0, total), perType, after, lastServed: this.lastServed };
    return this.reapWanted || (perType.size > 0 && !enoughHeld) ? appetite : undefined;
  }

  /** Free slots, and as much beyond them as half a second lately used up: a slow instance keeps nothing from others. */
  room(life: WorkerLife): number {
    const wanted = Math.max(this.freeSlots(life), this.pace.lately());
    return Math.min(wanted, this.options.batchSize) - life.held.size;
  }

  freeSlots(life: WorkerLife): number {
    const { concurrency, batchSize } = this.options;
    // With one slot tasks follow one another strictly; with more, what has ended may wait to be settled, but not for ever.
    const mostUnsettled = concurrency === 1 ? 1 : batchSize;
    return Math.min(concurrency - life.active, mostUnsettled - life.unsettled);
  }

  /** Held tasks to hand back: they waited too long, their type is paused, or they expired and the database must judge. */
  surplus(life: WorkerLife): HeldTask[] {
    const since = performance.now() - LONGEST_HOLD;
    const now = this.clock.now();
    const isSurplus = (held: HeldTask) =>
      held.since < since ||
      this.paused.has(held.task.redoTaskId) ||
      (held.task.expireTime !== null && held.task.expireTime <= now);
    const surplus: HeldTask[] = [];
    for (const held of life.held.values()) if (!held.verdict && isSurplus(held)) surplus.push(held);
    return surplus;
  }

  /** ms until the oldest held task has waited too long. */
  surplusIn(life: WorkerLife): number {
    // The first is the oldest.
    for (const { since, verdict } of life.held.values())
      if (verdict === undefined) return since + LONGEST_HOLD - performance.now();
    return Infinity;
  }

  /** Those of many types that come next, one claim after the other. */
  private nextInTurn(types: readonly string[]): readonly string[] {
    if (types.length <= TYPES_AT_ONCE) return types;
    const sorted = [...types].sort();
    const later = sorted.filter((type) => type > this.lastAsked);
    const earlier = sorted.filter((type) => type <= this.lastAsked);
    return [...later, ...earlier].slice(0, TYPES_AT_ONCE);
  }

  private waitingTypes(): string[] {
    return [...this.due.now()].filter((type) => !this.paused.has(type));
  }

  private roomFor(redoTaskId: string, life: WorkerLife, total: number): number {
    const { concurrency } = this.registry.handled(redoTaskId)?.policy ?? {};
    return concurrency === undefined ? total : Math.min(total, concurrency - life.loadOf(redoTaskId));
  }
}
