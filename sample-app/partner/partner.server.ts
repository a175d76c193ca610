import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';

/**
 * - `down`: every call is hung up on
 * - `flaky`: the first call about each order gets a 503
 * - `up`: all is well
 */
export const PARTNER_STATES = ['down', 'flaky', 'up'] as const;
export type PartnerState = (typeof PARTNER_STATES)[number];

interface Answer {
  readonly status: number;
  readonly body: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/**
 * The partners' server that the sample talks to: pretended, but on a real port, so that the sample makes real HTTP calls.
 *
 * - `POST /accounts/:account/orders` takes an order. `acme` and `globex` are well; `initech` asks for a second's patience
 *   at first; `hooli` never works; `umbrella` is closed; others don't exist.
 * - `PUT /state` with `down`, `flaky` or `up` as its body.
 */
export class PartnerServer {
  state: PartnerState = 'down';
  private readonly received = new Set<string>();
  private readonly refused = new Set<string>();

  private constructor(private readonly server: Server) {}

  static async start(): Promise<PartnerServer> {
    const server = createServer();
    const partner = new PartnerServer(server);
    server.on('request', (request, response) => void partner.answer(request, response));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return partner;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  /** @param key the idempotency key it was sent with */
  hasReceived(key: string): boolean {
    return this.received.has(key);
  }

  async close(): Promise<void> {
    this.server.close();
    this.server.closeAllConnections();
    await once(this.server, 'close');
  }

  private async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    try {
      const body = await text(request);
      const answer = this.isSwitch(request) ? this.switchTo(body) : this.route(request);
      if (!answer) return void request.socket.destroy();
      response.writeHead(answer.status, { 'content-type': 'text/plain', ...answer.headers });
      response.end(`${answer.body}\n`);
    } catch {
      // The caller went away in the middle of its request.
      request.socket.destroy();
    }
  }

  private isSwitch({ method, url }: IncomingMessage): boolean {
    return method === 'PUT' && url === '/state';
  }

  private switchTo(wanted: string): Answer {
    const state = PARTNER_STATES.find((each) => each === wanted.trim());
    if (!state) return { status: 400, body: `allowed: ${PARTNER_STATES.join(', ')}` };
    this.state = state;
    return { status: 200, body: `the partners' server is ${state} now` };
  }

  /** `undefined`: it hangs up. */
  private route({ method, url, headers }: IncomingMessage): Answer | undefined {
    if (this.state === 'down') return undefined;
    const account = /^\/accounts\/([^/]+)\/orders$/.exec(url ?? '')?.[1];
    const key = headers['idempotency-key'];
    if (method !== 'POST' || !account || typeof key !== 'string')
      return { status: 400, body: 'expected POST /accounts/:account/orders with an idempotency-key' };
    return this.takeOrder(account, key);
  }

  private takeOrder(account: string, key: string): Answer {
    switch (account) {
      case 'acme':
      case 'globex':
        return this.accept(key);
      case 'initech':
        if (this.isFirst(`busy ${key}`))
          return { status: 429, body: 'busy, come back later', headers: { 'retry-after': '1' } };
        return this.accept(key);
      case 'hooli':
        return { status: 500, body: 'this account is broken' };
      case 'umbrella':
        return { status: 410, body: 'this account is closed' };
      default:
        return { status: 404, body: 'there is no such account' };
    }
  }

  private accept(key: string): Answer {
    if (this.state === 'flaky' && this.isFirst(`flaky ${key}`)) return { status: 503, body: 'overloaded' };
    if (this.received.has(key)) return { status: 200, body: 'this order is known already' };
    this.received.add(key);
    return { status: 201, body: 'thank you' };
  }

  private isFirst(refusal: string): boolean {
    if (this.refused.has(refusal)) return false;
    this.refused.add(refusal);
    return true;
  }
}
