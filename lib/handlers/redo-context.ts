/** What a handler learns about the task it runs. */
export interface RedoContext {
  /** The row's id. */
  readonly id: number;
  readonly redoTaskId: string;
  /** 1 for the first attempt. */
  readonly attempt: number;
  /** `null`: no limit. */
  readonly maxAttempts: number | null;
  readonly createTime: Date;
  /** `null`: never expires. */
  readonly expiredDate: Date | null;
  /** The failure before this attempt, or `null`. */
  readonly lastError: AttemptError | null;
  /**
   * Aborted at the timeout, when this instance has lost its lease, and when it shuts down. Made when it is first asked for, by a getter:
   * a copy by `{ ...context }` has none.
   */
  readonly signal: AbortSignal;
}

/** One failed attempt, as the task's row keeps it (the last 10). */
export interface AttemptError {
  readonly attempt: number;
  readonly message: string;
  /** The first lines of the stack, or `null`. */
  readonly stack: string | null;
  /** When, by the database's clock. */
  readonly time: Date;
  /** Name of the host it ran on. */
  readonly host: string;
}

/** Runs one attempt. A returned failure or a thrown error is retried by the policy. */
export type RedoHandlerFunction<P = never> = (params: P, context: RedoContext) => unknown;
