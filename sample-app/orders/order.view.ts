import type { DeadReason, RedoTaskView } from 'nestjs-redo';
import type { Order } from './order.entity.js';

/** An order as the REST interface shows it. */
export interface OrderView {
  readonly id: number;
  readonly partner: string;
  readonly item: string;
  readonly quantity: number;
  readonly notification: NotificationView;
}

/** Whether the partner was told, and if not, how that stands. */
export interface NotificationView {
  /** Id of the redo task. */
  readonly task: number;
  readonly state: 'notified' | 'waiting' | 'stuck' | 'dead';
  /** Attempts counted so far; not known any more once the partner was told. */
  readonly attempts?: number;
  readonly nextAttempt?: Date | null;
  readonly deadReason?: DeadReason;
  readonly lastError?: string;
}

/** @param task the order's redo task, or `null`: it has succeeded, for dead ones are kept for ever (`AppModule`) */
export function viewOrder({ notifyTaskId, ...order }: Order, task: RedoTaskView | null): OrderView {
  return { ...order, notification: { task: notifyTaskId, ...viewNotification(task) } };
}

function viewNotification(task: RedoTaskView | null): Omit<NotificationView, 'task'> {
  if (!task) return { state: 'notified' };
  const { attempts, nextExecTime, deadReason, deadDetail, errors } = task;
  const lastError = deadDetail ?? errors.at(-1)?.message;
  switch (task.status) {
    case 'SUCCEEDED':
      return { state: 'notified', attempts };
    case 'PENDING':
      return { state: 'waiting', attempts, nextAttempt: nextExecTime, lastError };
    case 'PARKED':
      return { state: 'stuck', attempts, lastError };
    case 'DEAD':
      return { state: 'dead', attempts, deadReason: deadReason ?? undefined, lastError };
  }
}
