import { type DynamicModule, Module } from '@nestjs/common';
import { ScheduleModule } from '@nestjs/schedule';
import { TypeOrmModule } from '@nestjs/typeorm';
import { RedoModule } from 'nestjs-redo';
import type { DataSourceOptions } from 'typeorm';
import { OrdersModule } from './orders/orders.module.js';

export interface AppSettings {
  readonly database: DataSourceOptions;
  /** Base URL of the partners' server. */
  readonly partnerUrl: string;
}

@Module({})
export class AppModule {
  static forRoot({ database, partnerUrl }: AppSettings): DynamicModule {
    return {
      module: AppModule,
      imports: [
        TypeOrmModule.forRoot({
          ...database,
          autoLoadEntities: true,
          // Somebody waits at the terminal. A service would rather wait for its database: leave this out.
          retryAttempts: 1,
        }),
        ScheduleModule.forRoot(),
        RedoModule.forRoot('order-service', {
          // A partner who was never told of an order is a case for a person: kept until somebody has seen to it.
          retention: { dead: Infinity },
        }),
        OrdersModule.forRoot(partnerUrl),
      ],
    };
  }
}
