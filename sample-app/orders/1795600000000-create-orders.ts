import { type MigrationInterface, type QueryRunner, Table } from 'typeorm';

export class CreateOrders1795600000000 implements MigrationInterface {
  readonly name = 'CreateOrders1795600000000';

  async up(queryRunner: QueryRunner): Promise<void> {
    // PostgreSQL's columns have the character set of their database, and no other.
    const text = queryRunner.dataSource.options.type === 'postgres' ? {} : { charset: 'utf8mb4' };
    await queryRunner.createTable(
      new Table({
        name: 'orders',
        columns: [
          {
            name: 'id',
            type: 'integer',
            isPrimary: true,
            isGenerated: true,
            generationStrategy: 'increment',
          },
          { name: 'partner', type: 'varchar', length: '40', ...text },
          { name: 'item', type: 'varchar', length: '100', ...text },
          { name: 'quantity', type: 'integer' },
          { name: 'notify_task_id', type: 'bigint', isNullable: true },
        ],
        indices: [{ name: 'idx_orders_notify_task_id', columnNames: ['notify_task_id'] }],
      }),
    );
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.dropTable('orders');
  }
}
