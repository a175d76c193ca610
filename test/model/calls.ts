import type { LifeId, Outcome, TaskId } from './state.js';

/** What a transaction was begun with: all that its code knows besides what it is answered. */
export type Call = WorkerCall | VisitorCall;

export type WorkerCall =
  | { readonly kind: 'register'; readonly life: LifeId }
  /** `back`: held tasks that go back. */
  | { readonly kind: 'renew'; readonly life: LifeId; readonly back: readonly TaskId[] }
  | BeginCall
  | AddCall
  | { readonly kind: 'readAgain'; readonly life: LifeId; readonly held: readonly TaskId[] }
  | ClaimCall
  | ReadClaimedCall
  | SettleCall
  | HandBackCall;

/** Of a person or the retention sweeper. `knock` follows a person's command. */
export type VisitorCall =
  | Command
  | { readonly kind: 'deleteOld'; readonly task: TaskId }
  | { readonly kind: 'knock'; readonly after: Command };

/** What a person has asked for. */
export type Command =
  { readonly kind: 'discard' | 'retry'; readonly task: TaskId } | { readonly kind: 'pause' };

export interface BeginCall {
  readonly kind: 'begin';
  readonly life: LifeId;
  readonly starts: readonly Start[];
  readonly knocks: number;
}

/** A task that is absent is added and begins. */
export interface AddCall {
  readonly kind: 'add';
  /** As the database can. */
  readonly by: 'a transaction' | 'one statement';
  readonly life: LifeId;
  readonly starts: readonly [Start];
}

export interface Start {
  readonly task: TaskId;
  readonly execTimes: number;
}

export interface ClaimCall {
  readonly kind: 'claim';
  readonly life: LifeId;
  /** How many tasks it takes at most. */
  readonly most: number;
}

export interface ReadClaimedCall {
  readonly kind: 'readClaimed';
  readonly life: LifeId;
  readonly claimed: readonly TaskId[];
  /** How often somebody had knocked when the claim looked. */
  readonly knocks: number;
}

export interface SettleCall {
  readonly kind: 'settle';
  readonly life: LifeId;
  readonly settlements: readonly Settlement[];
  /** Those of them that are to be held again. */
  readonly kept: readonly TaskId[];
}

export interface HandBackCall {
  readonly kind: 'handBack';
  readonly life: LifeId;
  readonly settlements: readonly Settlement[];
  /** Tasks whose handlers are aborted. */
  readonly aborted: readonly TaskId[];
}

/** As in lib/store/settlement.ts. */
export interface Settlement {
  readonly kind: 'succeeded' | 'again' | 'dead';
  readonly task: TaskId;
  readonly before: number;
  readonly execTimes: number;
  /** Kept by the model: whose run it settles, and how that ended. */
  readonly life: LifeId;
  readonly outcome: Outcome | 'died';
}

/** The life that a call belongs to; undefined: a visitor's. */
export const lifeOf = (call: Call): LifeId | undefined => ('life' in call ? call.life : undefined);

/** Each of its statements is for itself: none of them is undone, and what one writes is written at once. */
export const isAutocommit = (call: Call): boolean =>
  ['renew', 'begin', 'readAgain', 'readClaimed', 'knock'].includes(call.kind) ||
  (call.kind === 'add' && call.by === 'one statement');
