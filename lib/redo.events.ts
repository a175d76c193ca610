import { Injectable, Logger } from '@nestjs/common';
import type { AttemptError } from './handlers/redo-context.js';
import { listenerFailed } from './redo.messages.js';
import type { DeadReason } from './store/task.row.js';

/** The task an event is about. */
export interface TaskEvent {
  readonly id: number;
  readonly redoTaskId: string;
}

/**
 * What happened, after it was committed. Each event tells of this instance alone. None is guaranteed: a process that dies
 * between its COMMIT and the event has done the one and not the other.
 */
export interface RedoEventMap {
  /** Tasks added by this process. Not told when the caller commits with SQL of its own instead of TypeORM's commit. */
  added: TaskEvent & { readonly created: boolean };
  /** A handler is about to be called. */
  started: TaskEvent & { readonly attempt: number };
  succeeded: TaskEvent & { readonly attempt: number };
  /** An attempt failed; there will be another in `delay` ms, or the task's expiry comes then. */
  failed: TaskEvent & {
    readonly attempt: number;
    readonly maxAttempts: number | null;
    readonly error: AttemptError;
    readonly delay: number;
  };
  /** `RedoResult.retryAfter`: again in `delay` ms, the attempt not counted. */
  postponed: TaskEvent & { readonly attempt: number; readonly delay: number };
  /** Will not be redriven unless a person asks. `attempts`: how many were counted. */
  dead: TaskEvent & {
    readonly reason: DeadReason;
    readonly detail: string | null;
    readonly attempts: number | null;
  };
  parked: TaskEvent & { readonly error: string };
  /** This instance found the lease of another one run out and freed its tasks. */
  workerLapsed: {
    readonly workerId: string;
    readonly host: string;
    readonly pid: number;
    /** Tasks that were running there and are charged the attempt. */
    readonly charged: readonly (TaskEvent & { readonly attempt: number })[];
  };
  /** This instance lost its lease; its handlers' signals are aborted. */
  leaseLost: { readonly workerId: string; readonly running: number; readonly reason: string };
  workerStarted: { readonly workerId: string; readonly redoTaskIds: readonly string[] };
  workerStopped: { readonly workerId: string; readonly handedBack: number };
  /** The engine could not do something (`claim tasks`) and tries again in `retryIn` ms. */
  trouble: {
    readonly doing: string;
    readonly error: Error;
    readonly failures: number;
    readonly retryIn: number;
  };
  /** It could, after so many failures. */
  recovered: { readonly doing: string; readonly failures: number };
}

export type RedoEventName = keyof RedoEventMap;
export type RedoEventListener<K extends RedoEventName> = (event: RedoEventMap[K]) => unknown;

/** Tells listeners what happened. A listener that throws is logged and harms nobody. */
@Injectable()
export class RedoEvents {
  private readonly logger = new Logger(RedoEvents.name);
  private readonly listeners = new Map<RedoEventName, Set<(event: never) => unknown>>();

  /** @returns a function that ends the subscription */
  on<K extends RedoEventName>(name: K, listener: RedoEventListener<K>): () => void {
    const listeners = this.listeners.get(name) ?? new Set();
    this.listeners.set(name, listeners.add(listener));
    return () => void listeners.delete(listener);
  }

  /** For the library itself. */
  emit<K extends RedoEventName>(name: K, event: RedoEventMap[K]): void {
    const listeners = this.listeners.get(name);
    if (listeners) for (const listener of listeners) void this.tell(name, listener, event);
  }

  private async tell(name: RedoEventName, listener: (event: never) => unknown, event: object): Promise<void> {
    try {
      await listener(event as never);
    } catch (error) {
      this.logger.error(listenerFailed(name), error instanceof Error ? error.stack : String(error));
    }
  }
}
