import { SetMetadata } from '@nestjs/common';
import type { RedoPolicy } from './redo-policy.js';

/** What `@RedoHandler` leaves on a method. */
export interface RedoHandlerMetadata {
  readonly redoTaskId: string;
  readonly policy: RedoPolicy;
}

export const REDO_HANDLER = Symbol.for('nestjs-redo:handler');

/**
 * Makes a provider's method the handler of a task type. The class must be instantiated once (default scope).
 *
 * @example
 * @RedoHandler('order.notify-partner', { maxAttempts: 8, timeout: 10_000 })
 * async notify(params: { orderId: string }, task: RedoContext): Promise<void> {}
 */
export const RedoHandler = (redoTaskId: string, policy: RedoPolicy = {}): MethodDecorator =>
  SetMetadata(REDO_HANDLER, { redoTaskId, policy } satisfies RedoHandlerMetadata);
