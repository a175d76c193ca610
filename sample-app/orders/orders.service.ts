import { ConflictException, Injectable } from '@nestjs/common';
import { InjectRepository } from '@nestjs/typeorm';
import { RedoManager } from 'nestjs-redo';
import { DataSource, Repository } from 'typeorm';
import type { NewOrder } from './new-order.js';
import { Order } from './order.entity.js';
import { NOTIFY_PARTNER, type NotifyPartnerParams } from './partner-notifier.js';

const IN_STOCK = 100;

@Injectable()
export class OrdersService {
  constructor(
    private readonly dataSource: DataSource,
    @InjectRepository(Order) private readonly orders: Repository<Order>,
    private readonly redo: RedoManager,
  ) {}

  /**
   * Stores an order and, in the same transaction, the redo task that tells the partner: both are there, or neither is.
   *
   * @throws {ConflictException} there is not enough in stock
   */
  place({ partner, item, quantity, notifyWithinSeconds }: NewOrder): Promise<Order> {
    return this.dataSource.transaction(async (manager) => {
      const order = await manager.save(manager.create(Order, { partner, item, quantity }));
      // Ids, not data: the handler reads the order as it will be then.
      const params: NotifyPartnerParams = { orderId: order.id };
      const task = await this.redo.addRedoTask(NOTIFY_PARTNER, params, {
        manager,
        expiresIn: notifyWithinSeconds && notifyWithinSeconds * 1_000,
      });
      order.notifyTaskId = task.id;
      await manager.save(order);
      this.takeFromStock(order);
      return order;
    });
  }

  find(id: number): Promise<Order | null> {
    return this.orders.findOneBy({ id });
  }

  findByTask(notifyTaskId: number): Promise<Order | null> {
    return this.orders.findOneBy({ notifyTaskId });
  }

  newest(): Promise<Order[]> {
    return this.orders.find({ order: { id: 'DESC' }, take: 20 });
  }

  /** Stands for whatever else belongs to placing an order. What throws here takes order and task back. */
  private takeFromStock({ quantity }: Order): void {
    if (quantity > IN_STOCK) throw new ConflictException(`only ${IN_STOCK} in stock`);
  }
}
