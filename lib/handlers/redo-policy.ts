import * as rules from '../rules.js';
import { badValue, contradiction } from '../redo.messages.js';
import { checkOptions, type Rule } from '../rules.js';

/**
 * How long to wait before the next attempt, in ms. `attempt` is 1 after the first failure.
 *
 * - `fixed`: always `delay`
 * - `linear`: `delay × attempt`
 * - `exponential`: `delay × 2^(attempt - 1)`
 *
 * `maxDelay` is the ceiling; `jitter` (0 to 1) spreads each delay evenly over ±that share of it, so that tasks which
 * failed together do not come back together. A function returns the delay itself.
 */
export type Backoff = BackoffSchedule | BackoffFunction;

export interface BackoffSchedule {
  type: 'fixed' | 'linear' | 'exponential';
  /** ms */
  delay: number;
  /** ms. @default 3_600_000 for `exponential`, none otherwise */
  maxDelay?: number;
  /** 0 to 1. @default 0 */
  jitter?: number;
}

/** Returns ms; anything that is not a number of 0 or more falls back to the default schedule. */
export type BackoffFunction = (attempt: number, error: Error) => number;

/** How often and how long a task is tried. The first four may also be set per task when it is added. */
export interface RedoPolicy extends TaskLimits {
  /** @default exponential, 1 s to 1 h, jitter 0.2 */
  backoff?: Backoff;
  /** Longest run of the handler, ms; past it the signal is aborted and the attempt has failed. @default 300_000 */
  timeout?: number;
  /** Handlers of this type running at once on one instance. @default the module's `concurrency` */
  concurrency?: number;
}

/** When a task is given up. `tryForever` wins over `maxAttempts`; expiry wins over both. */
export interface TaskLimits {
  /** Attempts before a task is dead (EXHAUSTED). @default 10 */
  maxAttempts?: number;
  /** No limit of attempts. @default false */
  tryForever?: boolean;
  /** From this instant on the task is not begun any more (EXPIRED). */
  expiredDate?: Date;
  /** The same, in ms from the moment of adding. */
  expiresIn?: number;
}

/** A policy with nothing left open but expiry, which most tasks don't have. */
export type ResolvedPolicy = Required<Omit<RedoPolicy, 'expiredDate' | 'expiresIn' | 'concurrency'>> &
  Pick<RedoPolicy, 'expiredDate' | 'expiresIn' | 'concurrency'>;

export const DEFAULT_BACKOFF: BackoffSchedule = {
  type: 'exponential',
  delay: 1_000,
  maxDelay: 3_600_000,
  jitter: 0.2,
};

export const DEFAULT_POLICY: ResolvedPolicy = {
  maxAttempts: 10,
  tryForever: false,
  backoff: DEFAULT_BACKOFF,
  timeout: 300_000,
};

export const LIMIT_RULES: Readonly<Record<keyof TaskLimits, Rule>> = {
  maxAttempts: rules.integer(1, rules.MOST_ATTEMPTS),
  tryForever: rules.flag,
  expiredDate: rules.date,
  expiresIn: rules.milliseconds(1),
};

const BACKOFF_RULES: Readonly<Record<keyof BackoffSchedule, Rule>> = {
  type: rules.either(
    rules.exactly('fixed', "'fixed'"),
    rules.exactly('linear', "'linear'"),
    rules.exactly('exponential', "'exponential'"),
  ),
  delay: rules.milliseconds(),
  maxDelay: rules.milliseconds(),
  jitter: rules.fraction,
};

const POLICY_RULES: Readonly<Record<keyof RedoPolicy, Rule>> = {
  ...LIMIT_RULES,
  backoff: {
    allowed: "{ type: 'fixed' | 'linear' | 'exponential', delay, maxDelay?, jitter? } or a function",
    accepts: (value) => typeof value === 'function' || rules.object.accepts(value),
  },
  timeout: rules.timerMilliseconds(1),
  concurrency: rules.integer(1, 10_000),
};

/** Throws what `fail` makes of the first thing wrong with a policy. */
export function checkPolicy(where: string, policy: RedoPolicy, fail: (message: string) => Error): void {
  checkOptions(where, policy, POLICY_RULES, fail);
  checkLimits(where, policy, fail);
  const { backoff } = policy;
  if (backoff === undefined || typeof backoff === 'function') return;
  for (const needed of ['type', 'delay'] as const)
    if (backoff[needed] === undefined)
      throw fail(badValue(`${where}.backoff.${needed}`, undefined, BACKOFF_RULES[needed].allowed));
  checkOptions(`${where}.backoff`, backoff, BACKOFF_RULES, fail);
}

/** The limits that contradict each other. */
export function checkLimits(where: string, limits: TaskLimits, fail: (message: string) => Error): void {
  if (limits.expiredDate !== undefined && limits.expiresIn !== undefined)
    throw fail(contradiction(where, 'expiredDate', 'expiresIn'));
}

/** Lays `policy` over `defaults`. A type's own `maxAttempts` undoes a `tryForever` that is only the default. */
export function resolvePolicy(policy: RedoPolicy, defaults: ResolvedPolicy): ResolvedPolicy {
  return { ...defaults, ...overLimits(policy, defaults), ...defined(policy) };
}

/** What of the lower layer's limits a more specific layer switches off by naming their opposite. */
export function overLimits(specific: TaskLimits, general: TaskLimits): TaskLimits {
  const names = (limit: keyof TaskLimits) => specific[limit] !== undefined;
  const ownLimit = names('maxAttempts') && !names('tryForever');
  const ownExpiry = names('expiredDate') || names('expiresIn');
  return {
    tryForever: ownLimit ? false : general.tryForever,
    ...(ownExpiry && { expiredDate: undefined, expiresIn: undefined }),
  };
}

const defined = <T extends object>(given: T): T =>
  Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)) as T;
