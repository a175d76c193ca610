import type { DeadReason, StoredError } from './task.row.js';

/**
 * What an attempt's outcome becomes in the task's row. `execTimes` is written only where the row still holds `before`: a
 * settlement that is sent twice, because the answer to its COMMIT was lost, changes nothing the second time.
 */
export type Settlement = Succeeded | Again | Dead | Parked;

interface Settled {
  readonly id: number;
  readonly before: number;
  readonly execTimes: number;
}

export interface Succeeded extends Settled {
  readonly kind: 'succeeded';
}

/** Due again `delay` ms from now by the database's clock, but not after its expiry, when it is due to be ended. */
export interface Again extends Settled {
  readonly kind: 'again';
  readonly delay: number;
  readonly errors: string | null;
  /** The last of them, if this attempt failed; it was postponed if not. */
  readonly error?: StoredError;
}

export interface Dead extends Settled {
  readonly kind: 'dead';
  readonly reason: DeadReason;
  readonly detail: string | null;
  readonly errors: string | null;
}

export interface Parked extends Settled {
  readonly kind: 'parked';
  readonly errors: string;
  /** The last of them. */
  readonly error: StoredError;
}
