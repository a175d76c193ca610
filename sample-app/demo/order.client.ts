import type { NewOrder } from '../orders/new-order.js';
import type { OrderView } from '../orders/order.view.js';

export interface HttpAnswer<T> {
  readonly status: number;
  readonly body: T;
}

/** A customer of the order service, over HTTP. */
export class OrderClient {
  constructor(private readonly serviceUrl: string) {}

  async place(order: NewOrder): Promise<HttpAnswer<OrderView & { message?: string }>> {
    return this.call('POST', '/orders', order);
  }

  async get(id: number): Promise<HttpAnswer<OrderView>> {
    return this.call('GET', `/orders/${id}`);
  }

  private async call<T>(method: string, path: string, body?: object): Promise<HttpAnswer<T>> {
    const response = await fetch(this.serviceUrl + path, {
      method,
      headers: { 'content-type': 'application/json' },
      body: body && JSON.stringify(body),
    });
    return { status: response.status, body: (await response.json()) as T };
  }
}
