/** A producer of the application under chaos; see `service.ts`. It adds until it is told to `stop`; `calm` ends heavy deeds. */
import { setTimeout as delay } from 'node:timers/promises';
import { Module } from '@nestjs/common';
import { RedoHandlerRegistry, RedoManager, RedoTask } from 'nestjs-redo';
import { DataSource } from 'typeorm';
import { DEED_NAMES, deedOf, type Order } from './deeds.js';
import { type OrderRecord } from './evidence.js';
import { obey, serviceSettings, startService, tell } from './service.js';
import { type PlannedTransaction, workload } from './workload.js';

@Module({})
class ProducerModule {
  constructor(registry: RedoHandlerRegistry) {
    for (const name of DEED_NAMES) registry.register(RedoTask.define(name, deedOf(name).policy));
  }
}

class AsPlanned extends Error {}

/** What an application waits when its database is away, ms. */
const AWAY = 250;

const settings = serviceSettings();
const app = await startService(settings, ProducerModule, { worker: false });
const [redo, dataSource] = [app.get(RedoManager), app.get(DataSource)];
let calm = false;
let stopped = false;

const ordered = (order: Order): Order =>
  calm && deedOf(order.deed).heavy ? { ...order, deed: 'quick' } : order;

const tellOrder = ({ key, deed }: Order, told: OrderRecord['told'], detached = false) =>
  tell('order', { key, deed, told, detached });

async function addInTransaction({ orders, end, openFor }: PlannedTransaction): Promise<void> {
  const given = orders.map(ordered);
  let told: OrderRecord['told'] = 'unknown';
  try {
    await dataSource.transaction(async (manager) => {
      for (const order of given) {
        await manager
          .createQueryBuilder()
          .insert()
          .into('tbl_chaos_order', ['order_key'])
          .values({ order_key: order.key })
          .execute();
        await redo.addRedoTask(order.deed, order, { manager });
      }
      await delay(openFor);
      if (end === 'roll back') throw new AsPlanned();
    });
    told = 'committed';
  } catch (error) {
    if (error instanceof AsPlanned) told = 'rolled back';
    else await delay(AWAY);
  }
  for (const order of given) tellOrder(order, told);
}

async function addDetached({ orders }: PlannedTransaction): Promise<void> {
  await Promise.all(
    orders.map(ordered).map((order) =>
      redo.addRedoTask(order.deed, order).then(
        () => tellOrder(order, 'committed', true),
        () => tellOrder(order, 'unknown', true),
      ),
    ),
  );
}

async function produce(name: string): Promise<void> {
  for (const transaction of workload(settings.seed, name)) {
    if (stopped) return;
    await (transaction.end === 'detached' ? addDetached(transaction) : addInTransaction(transaction));
    await delay(transaction.rest);
  }
}

const produced = Promise.all(settings.producers.map(produce));
obey({
  calm: () => (calm = true),
  async stop() {
    stopped = true;
    await produced;
    tell('produced', {});
  },
});
tell('ready', {});
