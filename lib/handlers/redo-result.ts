import { InvalidRedoTaskError } from '../redo.errors.js';
import { badValue } from '../redo.messages.js';
import { milliseconds } from '../rules.js';

type Verdict =
  | { readonly kind: 'success' }
  | { readonly kind: 'failure'; readonly reason: string }
  | { readonly kind: 'retryAfter'; readonly delay: number }
  | { readonly kind: 'discard'; readonly reason: string };

const BRAND = Symbol.for('nestjs-redo:result');

/**
 * What a handler may return. Nothing at all, or any other value, means {@link RedoResult.SUCCESS}; an `Error` that is
 * returned counts as thrown.
 */
export class RedoResult {
  /** Known also to a second copy of this package in one process. */
  readonly [BRAND] = true;

  /** Done; the task is deleted. */
  static readonly SUCCESS = new RedoResult({ kind: 'success' });
  /** Not done; counts as a failed attempt and is retried by the policy. */
  static readonly BIZ_ERROR = RedoResult.failure('BIZ_ERROR');

  private constructor(readonly verdict: Verdict) {}

  /** Not done, and why; counts as a failed attempt and is retried by the policy. */
  static failure(reason: string): RedoResult {
    return new RedoResult({ kind: 'failure', reason: String(reason) });
  }

  /**
   * Again in `delay` ms, without costing an attempt; bounded by the task's expiry.
   *
   * @throws {InvalidRedoTaskError} `delay` is not from 0 ms to 10 years: the attempt fails
   */
  static retryAfter(delay: number): RedoResult {
    const allowed = milliseconds();
    if (!allowed.accepts(delay))
      throw new InvalidRedoTaskError(badValue('RedoResult.retryAfter', delay, allowed.allowed));
    return new RedoResult({ kind: 'retryAfter', delay });
  }

  /** Not done and never will be: the task is dead (DISCARDED), no more attempts. */
  static discard(reason: string): RedoResult {
    return new RedoResult({ kind: 'discard', reason: String(reason) });
  }

  static is(value: unknown): value is RedoResult {
    return typeof value === 'object' && value !== null && BRAND in value;
  }
}
