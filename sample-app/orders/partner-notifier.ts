import { Inject, Injectable } from '@nestjs/common';
import { InjectRepository } from '@nestjs/typeorm';
import { type RedoContext, RedoHandler, RedoResult } from 'nestjs-redo';
import { Repository } from 'typeorm';
import { Order } from './order.entity.js';

/** The task type. Stored with every task, so it outlives this release: don't rename it. */
export const NOTIFY_PARTNER = 'order.notify-partner';

/** Stored with every task too: later releases must still understand it. */
export interface NotifyPartnerParams {
  readonly orderId: number;
}

/** Injection token of the base URL of the partners' server. */
export const PARTNER_URL = Symbol('PARTNER_URL');

/**
 * An attempt may run twice: when this process dies after the call and before the success is stored. By this key the
 * partner knows an order that it has already.
 */
export const idempotencyKey = (orderId: number) => `order-${orderId}`;

const LONGEST_WAIT = 3_600_000;

/** Tells a partner about an order over HTTP. */
@Injectable()
export class PartnerNotifier {
  constructor(
    @InjectRepository(Order) private readonly orders: Repository<Order>,
    @Inject(PARTNER_URL) private readonly partnerUrl: string,
  ) {}

  // So impatient that the demo ends soon. In production an outage lasts hours:
  //   maxAttempts: 30, backoff: { type: 'exponential', delay: 1_000, maxDelay: 3_600_000, jitter: 0.2 }
  @RedoHandler(NOTIFY_PARTNER, {
    maxAttempts: 8,
    backoff: { type: 'exponential', delay: 500, maxDelay: 1_500, jitter: 0.2 },
    timeout: 10_000,
  })
  async notify({ orderId }: NotifyPartnerParams, task: RedoContext): Promise<RedoResult> {
    const order = await this.orders.findOneBy({ id: orderId });
    if (!order) return RedoResult.discard(`order ${orderId} is gone`);

    const response = await this.send(order, task.signal);
    const answer = `partner answered ${response.status}: ${(await response.text()).trim().slice(0, 200)}`;
    if (response.ok) return RedoResult.SUCCESS;
    // No such account, or closed for good: trying again can't help.
    if (response.status === 404 || response.status === 410) return RedoResult.discard(answer);
    const wait = retryAfter(response);
    // The partner is well and asks for patience: that is no failed attempt.
    if (response.status === 429 && wait !== undefined) return RedoResult.retryAfter(wait);
    return RedoResult.failure(answer);
  }

  /** Throws when the partner can't be reached: a failed attempt, like any other error that a handler throws. */
  private send({ id, partner, item, quantity }: Order, signal: AbortSignal): Promise<Response> {
    return fetch(`${this.partnerUrl}/accounts/${encodeURIComponent(partner)}/orders`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'idempotency-key': idempotencyKey(id) },
      body: JSON.stringify({ orderId: id, item, quantity }),
      // Aborted at the timeout above, and when this instance shuts down or has lost its lease.
      signal,
    });
  }
}

/** ms to wait by the header Retry-After, which is a number of seconds or a date. */
function retryAfter({ headers }: Response): number | undefined {
  const value = headers.get('retry-after');
  if (value === null) return undefined;
  const wait = /^\d+$/.test(value) ? Number(value) * 1_000 : Date.parse(value) - Date.now();
  return Number.isNaN(wait) ? undefined : Math.min(Math.max(wait, 0), LONGEST_WAIT);
}
