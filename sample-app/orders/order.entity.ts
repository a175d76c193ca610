import { Column, Entity, PrimaryGeneratedColumn } from 'typeorm';

@Entity('orders')
export class Order {
  @PrimaryGeneratedColumn()
  id!: number;

  /** The account that this order is to be told to. */
  @Column({ type: 'varchar', length: 40 })
  partner!: string;

  @Column({ type: 'varchar', length: 100 })
  item!: string;

  @Column({ type: 'integer' })
  quantity!: number;

  /**
   * The redo task that tells the partner, so that an order can show how that stands. It needs the order's id, so it is
   * set right after the order was inserted, in the same transaction.
   */
  @Column({
    name: 'notify_task_id',
    type: 'bigint',
    nullable: true,
    // Drivers return a bigint as text.
    transformer: { to: (id: number) => id, from: Number },
  })
  notifyTaskId!: number;
}
