import { Body, Controller, Get, NotFoundException, Param, ParseIntPipe, Post } from '@nestjs/common';
import { RedoManager } from 'nestjs-redo';
import { checkNewOrder } from './new-order.js';
import { type OrderView, viewOrder } from './order.view.js';
import { OrdersService } from './orders.service.js';
import { OneAtATime } from './one-at-a-time.js';

@Controller('orders')
export class OrdersController {
  private readonly oneAtATime = new OneAtATime();

  constructor(
    private readonly orders: OrdersService,
    private readonly redo: RedoManager,
  ) {}

  @Post()
  async place(@Body() body: unknown): Promise<OrderView> {
    const wanted = checkNewOrder(body);
    // For SQLite's sake alone: TypeORM has one connection there, and where transactions overlap on it, the rollback of
    // one undoes the other. On a server write: const order = await this.orders.place(wanted);
    const order = await this.oneAtATime.run(() => this.orders.place(wanted));
    return viewOrder(order, await this.redo.get(order.notifyTaskId));
  }

  @Get()
  async list(): Promise<OrderView[]> {
    const orders = await this.orders.newest();
    const ids = orders.map(({ notifyTaskId }) => notifyTaskId);
    const tasks = new Map((await this.redo.list({ ids })).map((task) => [task.id, task]));
    return orders.map((order) => viewOrder(order, tasks.get(order.notifyTaskId) ?? null));
  }

  @Get(':id')
  async get(@Param('id', ParseIntPipe) id: number): Promise<OrderView> {
    const order = await this.orders.find(id);
    if (!order) throw new NotFoundException(`there is no order ${id}`);
    return viewOrder(order, await this.redo.get(order.notifyTaskId));
  }
}
