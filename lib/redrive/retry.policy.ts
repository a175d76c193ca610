import {
  type Backoff,
  type BackoffSchedule,
  DEFAULT_BACKOFF,
  type ResolvedPolicy,
} from '../handlers/redo-policy.js';
import { unstorable } from '../redo.messages.js';
import { MOST_ATTEMPTS, TEN_YEARS } from '../rules.js';
import type { Again, Settlement } from '../store/settlement.js';
import {
  type ClaimedTask,
  decodeParams,
  errorsWith,
  type StoredError,
  withError,
} from '../store/task.row.js';
import { cut, withoutStack } from './failure.js';
import type { Failure, Outcome } from './outcome.js';

/** When and where an attempt failed. */
export interface Stamp {
  /** Epoch ms by the database's clock. */
  readonly time: number;
  readonly host: string;
}

const MOST_DETAIL = 1_000;
/** Beyond it every delay is longer than ten years. */
const FARTHEST_DOUBLING = 60;

/** What an outcome means for the task: pure. Undefined: nothing, it is handed back as it was. */
export function settlementOf(
  task: ClaimedTask,
  outcome: Outcome,
  policy: Pick<ResolvedPolicy, 'backoff'>,
  stamp: Stamp,
): Settlement | undefined {
  const { id, execTimes: before } = task;
  const attempt = Math.min(before + 1, MOST_ATTEMPTS);
  if (outcome.kind === 'succeeded') return { kind: 'succeeded', id, before, execTimes: attempt };
  const counted = { id, before, execTimes: attempt };
  switch (outcome.kind) {
    case 'postponed':
      return {
        kind: 'again',
        ...counted,
        execTimes: before,
        delay: untilExpiry(task, outcome.delay, stamp),
        errors: keptErrors(task),
      };
    case 'discarded':
      return {
        kind: 'dead',
        ...counted,
        reason: 'DISCARDED',
        detail: cut(outcome.reason, MOST_DETAIL),
        errors: keptErrors(task),
      };
    case 'failed': {
      const { failure } = outcome;
      const error = storedError(attempt, failure, stamp);
      const errors = withError(task.errors, error);
      if (task.maxAttempts !== null && attempt >= task.maxAttempts)
        return {
          kind: 'dead',
          ...counted,
          reason: 'EXHAUSTED',
          detail: cut(error.message, MOST_DETAIL),
          errors,
        };
      const delay = untilExpiry(task, delayAfter(attempt, failure.error, policy.backoff), stamp);
      return { kind: 'again', ...counted, delay, errors, error };
    }
    case 'aborted':
      return undefined;
  }
}

/** The task as it would be read once that is written. */
export const settledAgain = (task: ClaimedTask, { execTimes, error }: Again): ClaimedTask => ({
  ...task,
  params: decodeParams(task.reqParam),
  execTimes,
  errors: error ? errorsWith(task.errors, error) : task.errors,
});

/** A task that is claimed with no attempt left, as the Java component may leave one. */
export function settlementOfExhausted(task: ClaimedTask): Settlement | undefined {
  const { id, execTimes, maxAttempts } = task;
  if (maxAttempts === null || execTimes < maxAttempts) return undefined;
  const detail = task.errors.at(-1)?.message ?? null;
  return {
    kind: 'dead',
    id,
    before: execTimes,
    execTimes,
    reason: 'EXHAUSTED',
    detail: detail && cut(detail, MOST_DETAIL),
    errors: keptErrors(task),
  };
}

/** A task whose parameters can't be decoded waits for a person and is charged nothing. */
export function settlementOfUndecodable(task: ClaimedTask, reason: string, stamp: Stamp): Settlement {
  const { id, execTimes } = task;
  const attempts = Number.isSafeInteger(execTimes) ? execTimes : 0;
  const error = storedError(attempts, withoutStack(reason), stamp);
  return { kind: 'parked', id, before: execTimes, execTimes, errors: withError(task.errors, error), error };
}

/** The same settlement without any text that a handler chose. */
export function inPlainWords(settlement: Settlement, refusal: string, stamp: Stamp): Settlement {
  if (settlement.kind === 'succeeded') return settlement;
  const message = cut(unstorable(refusal), MOST_DETAIL);
  const error = storedError(settlement.execTimes, withoutStack(message), stamp);
  const errors = withError([], error);
  switch (settlement.kind) {
    case 'dead':
      return { ...settlement, detail: message, errors };
    case 'again':
      return settlement.error ? { ...settlement, errors, error } : { ...settlement, errors };
    case 'parked':
      return { ...settlement, errors, error };
  }
}

/**
 * ms to wait after a failed attempt (1 for the first).
 *
 * @param random from 0 to 1, spreads the delay over ± `jitter`
 */
export function delayAfter(attempt: number, error: Error, backoff: Backoff, random = Math.random()): number {
  if (typeof backoff !== 'function') return scheduled(attempt, backoff, random);
  try {
    const delay = backoff(attempt, error);
    if (Number.isFinite(delay) && delay >= 0) return Math.min(Math.round(delay), TEN_YEARS);
  } catch {
    // A backoff function that fails must not take the task with it.
  }
  return scheduled(attempt, DEFAULT_BACKOFF, random);
}

function scheduled(
  attempt: number,
  { type, delay, maxDelay, jitter = 0 }: BackoffSchedule,
  random: number,
): number {
  const grown = {
    fixed: delay,
    linear: delay * attempt,
    exponential: delay * 2 ** Math.min(attempt - 1, FARTHEST_DOUBLING),
  }[type];
  const ceiling = maxDelay ?? (type === 'exponential' ? DEFAULT_BACKOFF.maxDelay : undefined) ?? TEN_YEARS;
  const spread = 1 + jitter * (2 * random - 1);
  return Math.round(Math.min(Math.min(grown, ceiling) * spread, TEN_YEARS));
}

const storedError = (attempt: number, { message, stack }: Failure, { time, host }: Stamp): StoredError => ({
  attempt,
  message,
  stack,
  time,
  host,
});

/** A task that expires before its next attempt is due at its expiry, to be ended. The row is exact, this is for whoever waits. */
const untilExpiry = ({ expireTime }: ClaimedTask, delay: number, { time }: Stamp) =>
  expireTime === null ? delay : Math.min(delay, Math.max(0, expireTime - time));

const keptErrors = ({ errors }: ClaimedTask) => (errors.length > 0 ? JSON.stringify(errors) : null);
