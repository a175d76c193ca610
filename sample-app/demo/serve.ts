import { RedoEvents } from 'nestjs-redo';
import { OrdersService } from '../orders/orders.service.js';
import type { Stage } from './demo.js';
import { Narrator } from './narrator.js';

/** Serves until a signal ends the process, and says how to try it out. */
export async function serve({
  app,
  partner,
  database,
  port,
}: Stage & { readonly port: number }): Promise<void> {
  partner.state = 'flaky';
  const narrator = new Narrator(app.get(RedoEvents), app.get(OrdersService));
  await app.listen(port, '127.0.0.1').catch((error: unknown) => {
    if ((error as { code?: string }).code !== 'EADDRINUSE') throw error;
    throw new Error(`Port ${port} is in use. Choose another: PORT=3001 npm start -- --serve`, {
      cause: error,
    });
  });
  console.log(instructions(await app.getUrl(), partner.url, database.description));
  process.once('exit', () => console.log('Stopped.'));
  narrator.say('partners', 'their server is FLAKY: the first call about each order gets a 503');
}

const instructions = (service: string, partner: string, database: string) => `
The order service listens at ${service}
Database: ${database}

Place an order, and watch here how its partner is told:
  curl -X POST ${service}/orders -H 'content-type: application/json' -d '{"partner":"acme","item":"tea","quantity":2}'

Other partners: globex (as acme), initech (busy at first), hooli (never works), umbrella (closed), any other (unknown).
An order that is worthless unless its partner is told within 5 s:
  curl -X POST ${service}/orders -H 'content-type: application/json' -d '{"partner":"hooli","item":"soup","quantity":1,"notifyWithinSeconds":5}'

See how the orders stand:
  curl ${service}/orders

Switch the partners' server to down, flaky or up:
  curl -X PUT ${partner}/state -d down

Ctrl-C stops.
`;
