import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { forEachDatabase, forEachServer, type TestDatabase } from '../support/databases.js';
import { type NodeProcess } from '../support/spawn-node.js';
import { waitFor } from '../support/wait-for.js';
import { finished, startSample } from './sample-app.js';

interface Order {
  id: number;
  notification: { state: string; attempts?: number; deadReason?: string; lastError?: string };
}

forEachDatabase((database) => {
  let schema: TestDatabase;
  let sample: NodeProcess;
  let service: string;
  beforeEach(async () => {
    schema = await database.create();
    sample = await startSample({ DATABASE_URL: schema.url, PORT: '0' }, '--serve');
    const line = await sample.waitForLine('The order service listens at');
    service = line.split(' ').at(-1)!;
    await sample.waitForLine('FLAKY');
  });
  afterEach(async () => {
    sample.kill();
    await sample.exited;
    await schema.drop();
  });

  async function call<T>(method: string, path: string, body?: unknown): Promise<{ status: number; body: T }> {
    const response = await fetch(service + path, {
      method,
      headers: { 'content-type': 'application/json' },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
    return { status: response.status, body: (await response.json()) as T };
  }

  const place = (order: object) => call<Order>('POST', '/orders', { item: 'tea', quantity: 1, ...order });

  const ended = (id: number) =>
    waitFor(async () => {
      const { body } = await call<Order>('GET', `/orders/${id}`);
      return body.notification.state === 'waiting' ? undefined : body.notification;
    });

  test('--serve takes orders, tells the partner, and stops cleanly on SIGTERM', async () => {
    const { status, body } = await place({ partner: 'acme', item: 'tea ☕' });
    expect(status).toBe(201);
    expect(body).toMatchObject({ partner: 'acme', item: 'tea ☕', quantity: 1 });
    expect(await ended(body.id)).toMatchObject({ state: 'notified' });
    expect(await sample.waitForLine('RECOVERED')).toMatch(/→ acme +RECOVERED: notified at attempt 2$/);

    const closed = await place({ partner: 'umbrella' });
    expect(await ended(closed.body.id)).toMatchObject({
      state: 'dead',
      deadReason: 'DISCARDED',
      attempts: 1,
    });
    const unknown = await place({ partner: 'nobody' });
    expect(await ended(unknown.body.id)).toMatchObject({
      lastError: expect.stringContaining('404'),
    });

    sample.kill('SIGTERM');
    expect(await finished(sample)).toMatchObject({ code: 0 });
    expect(sample.lines.at(-1)).toBe('Stopped.');
    expect(sample.errors).toEqual([]);
  });

  test('orders at the same moment: those that are taken remain, those that are refused leave nothing', async () => {
    const quantities = Array.from({ length: 30 }, (_, index) => (index % 3 === 0 ? 500 : 1));
    const answers = await Promise.all(quantities.map((quantity) => place({ partner: 'acme', quantity })));
    expect(answers.map(({ status }) => status)).toEqual(
      quantities.map((quantity) => (quantity === 500 ? 409 : 201)),
    );
    const taken = answers.filter(({ status }) => status === 201).map(({ body }) => body.id);
    for (const id of taken) expect(await ended(id)).toMatchObject({ state: 'notified' });
    expect(await schema.query('SELECT id FROM orders')).toHaveLength(taken.length);
    expect(await schema.query('SELECT id FROM tbl_redotask')).toEqual([]);
  });

  test('bad input gets a 400 that names what is allowed', async () => {
    const order = { partner: 'acme', item: 'tea', quantity: 1 };
    const allowed = async (body: unknown) => {
      const answer = await call<{ message: string | string[] }>('POST', '/orders', body);
      expect(answer.status).toBe(400);
      return [answer.body.message].flat().join('\n');
    };
    expect(await allowed({})).toContain(
      'partner is missing; allowed: 1 to 40 of the characters a-z, 0-9 and -',
    );
    expect(await allowed({ ...order, partner: '../x' })).toContain('partner is "../x"; allowed: 1 to 40');
    expect(await allowed({ ...order, item: ' ' })).toContain('item is " "; allowed: a text of 1 to 100');
    expect(await allowed({ ...order, quantity: 1.5 })).toContain('quantity is 1.5; allowed: a whole number');
    expect(await allowed({ ...order, notifyWithinSeconds: 0 })).toContain(
      'notifyWithinSeconds is 0; allowed:',
    );
    expect(await allowed({ ...order, colour: 1 })).toContain(
      'there is no field colour; allowed: partner, item',
    );
    expect(await allowed([order])).toContain('the body must be a JSON object');
    expect((await call('GET', '/orders/one')).status).toBe(400);
    expect((await call('GET', '/orders/1')).status).toBe(404);
    expect(await schema.query('SELECT id FROM orders')).toEqual([]);
  });

  test('a port in use is an error that says what to do', async () => {
    const { port } = new URL(service);
    const second = await startSample({ DATABASE_URL: schema.url, PORT: port }, '--serve');
    expect(await finished(second)).toEqual({
      code: 1,
      output: `Port ${port} is in use. Choose another: PORT=3001 npm start -- --serve`,
    });
  });
});

forEachServer((database) => {
  test('a database that does not exist is an error that says how to create it', async () => {
    const schema = await database.create();
    const url = new URL(schema.url);
    await schema.drop();
    const { code, output } = await finished(await startSample({ DATABASE_URL: url.href }));
    expect(code).toBe(1);
    const name = url.pathname.slice(1);
    expect(output).toContain(
      `Create it: CREATE DATABASE ${database.kind === 'postgres' ? `"${name}"` : `\`${name}\` CHARACTER SET utf8mb4`}`,
    );
  });
});
