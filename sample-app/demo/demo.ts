import type { INestApplication } from '@nestjs/common';
import { RedoEvents, RedoManager } from 'nestjs-redo';
import type { SampleDatabase } from '../database.js';
import { OrdersService } from '../orders/orders.service.js';
import { idempotencyKey } from '../orders/partner-notifier.js';
import type { PartnerServer } from '../partner/partner.server.js';
import { CAST, type Ending, type Part } from './cast.js';
import { type Fate, Fates } from './fates.js';
import { Narrator } from './narrator.js';
import { OrderClient } from './order.client.js';
import { type Ended, isAsTold, report } from './report.js';

export interface Stage {
  readonly app: INestApplication;
  readonly partner: PartnerServer;
  readonly database: SampleDatabase;
}

/** @returns whether everything ended as it should */
export async function runDemo({ app, partner, database }: Stage): Promise<boolean> {
  // Broken off by Ctrl-C, it has shown nothing.
  const brokenOff = () => (process.exitCode = 130);
  process.once('exit', brokenOff);
  console.log(introduction(database));
  const narrator = new Narrator(app.get(RedoEvents), app.get(OrdersService));
  const fates = new Fates(app.get(RedoEvents));
  await app.listen(0, '127.0.0.1');
  try {
    const client = new OrderClient(await app.getUrl());
    const ended = await new Demo(client, partner, app.get(RedoManager), narrator, fates).play();
    await narrator.finished();
    console.log(report(ended));
    return ended.every(isAsTold);
  } finally {
    await app.close();
    await partner.close();
    process.off('exit', brokenOff);
  }
}

const introduction = ({ description }: SampleDatabase) => `
An order service must tell its partners about every order, over HTTP. Placing an order stores the order and a redo task
in one transaction. The task is tried again until the partner has been told, or until it is dead, for a stated reason.

Database: ${description}
`;

/** An order that was placed. */
interface Placed {
  readonly part: Part;
  readonly orderId: number;
  readonly taskId: number;
}

class Demo {
  constructor(
    private readonly client: OrderClient,
    private readonly partner: PartnerServer,
    private readonly redo: RedoManager,
    private readonly narrator: Narrator,
    private readonly fates: Fates,
  ) {}

  async play(): Promise<Ended[]> {
    this.narrator.say('partners', 'their server is DOWN: it hangs up on every call');
    const tea = await this.place(CAST.tea);
    const coffee = await this.place(CAST.coffee);
    const cocoa = await this.place(CAST.cocoa);
    const soup = await this.place(CAST.soup);
    const caviar = await this.placeRefused(CAST.caviar, soup);
    await this.fates.of(soup.taskId);

    this.partner.state = 'flaky';
    this.narrator.say('partners', 'their server is FLAKY: the first call about each order gets a 503');
    const bread = await this.place(CAST.bread);
    const honey = await this.place(CAST.honey);
    for (const { taskId } of [tea, coffee, bread, honey]) await this.fates.of(taskId);

    this.partner.state = 'up';
    this.narrator.say('partners', 'their server is UP: all is well, but for the account of hooli');
    const cake = await this.place(CAST.cake);

    const ended = await Promise.all(
      [tea, coffee, cocoa, soup, bread, honey, cake].map((each) => this.end(each)),
    );
    return [...ended, caviar];
  }

  private async place(part: Part): Promise<Placed> {
    const { status, body } = await this.client.place(part.order);
    if (status !== 201) throw new Error(`POST /orders answered ${status}: ${JSON.stringify(body)}`);
    return { part, orderId: body.id, taskId: body.notification.task };
  }

  /** An order whose transaction is rolled back after its redo task was added. It would have had the ids next to `last`. */
  private async placeRefused(part: Part, last: Placed): Promise<Ended> {
    const { status, body } = await this.client.place(part.order);
    const order = await this.client.get(last.orderId + 1);
    const task = await this.redo.get(last.taskId + 1);
    const isGone = status === 409 && order.status === 404 && task === null;
    const { item, quantity } = part.order;
    this.narrator.say(
      'no order',
      isGone
        ? `refused: ${quantity} × ${item}, ${body.message}; rolled back, neither order nor redo task remains`
        : `${quantity} × ${item} was not refused, or something of it remains`,
      'plain',
    );
    return {
      part,
      orderId: null,
      ending: isGone ? 'ROLLED BACK' : 'UNCLEAR',
      attempts: null,
      partnerKnows: this.partner.hasReceived(idempotencyKey(last.orderId + 1)),
    };
  }

  /** How an order's task ended by the library's events, if the order service says the same. */
  private async end({ part, orderId, taskId }: Placed): Promise<Ended> {
    const fate = await this.fates.of(taskId);
    const { notification } = (await this.client.get(orderId)).body;
    const agreed = notification.state === (fate.kind === 'dead' ? 'dead' : 'notified');
    return {
      part,
      orderId,
      ending: agreed ? endingOf(fate) : 'UNCLEAR',
      attempts: fate.kind === 'dead' ? (notification.attempts ?? null) : fate.attempts,
      partnerKnows: this.partner.hasReceived(idempotencyKey(orderId)),
    };
  }
}

function endingOf(fate: Fate): Ending {
  if (fate.kind === 'dead') return `DEAD, ${fate.reason}`;
  return fate.attempts > 1 ? 'RECOVERED' : 'NOTIFIED';
}
