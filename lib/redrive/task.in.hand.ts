import type { HandledType } from '../handlers/handler.registry.js';
import type { Settlement } from '../store/settlement.js';
import type { ClaimedTask } from '../store/task.row.js';
import type { Outcome } from './outcome.js';

/** Claimed, not begun. */
export interface HeldTask {
  readonly task: ClaimedTask;
  readonly type: HandledType;
  /** When it was claimed, or kept, monotonic clock, ms. */
  readonly since: number;
  /** How often somebody had knocked at this worker when it was read. */
  readonly knocks: number;
  /** It will not be begun: this is what becomes of it instead. */
  readonly verdict?: Settlement;
  /** It was kept for its next attempt, which is not due before this, monotonic clock, ms. */
  readonly dueAt?: number;
}

/** Its handler has begun. */
export class RunningTask {
  /** Set when the handler has ended and the outcome is not settled yet: by `WorkerLife.end` alone. */
  outcome: Outcome | undefined;
  /** How often it was taken to be settled: with the second time it is not known whether it was. */
  tries = 0;
  /** Made when somebody asks for its signal: most handlers never do, and it costs as much as reading their parameters. */
  private controller: AbortController | undefined;
  readonly task: ClaimedTask;
  readonly type: HandledType;

  /**
   * @param held as which it was begun
   * @param giveUpAt when it has taken too long, monotonic clock, ms
   */
  constructor(
    readonly held: HeldTask,
    readonly giveUpAt: number,
  ) {
    this.task = held.task;
    this.type = held.type;
  }

  get signal(): AbortSignal {
    return (this.controller ??= new AbortController()).signal;
  }

  abort(reason: Error): void {
    this.controller ??= new AbortController();
    this.controller.abort(reason);
  }

  /** The reason, if it was aborted. */
  get abortedBy(): unknown {
    return this.controller?.signal.reason as unknown;
  }
}

/** @param now monotonic clock, ms */
export const isDue = ({ dueAt }: HeldTask, now: number): boolean => dueAt === undefined || dueAt <= now;
