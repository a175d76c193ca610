import { type DynamicModule, Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { Order } from './order.entity.js';
import { OrdersController } from './orders.controller.js';
import { OrdersService } from './orders.service.js';
import { PARTNER_URL, PartnerNotifier } from './partner-notifier.js';

@Module({})
export class OrdersModule {
  static forRoot(partnerUrl: string): DynamicModule {
    return {
      module: OrdersModule,
      imports: [TypeOrmModule.forFeature([Order])],
      controllers: [OrdersController],
      // RedoModule finds the handler in any provider; it needs no registration of its own.
      providers: [OrdersService, PartnerNotifier, { provide: PARTNER_URL, useValue: partnerUrl }],
    };
  }
}
