import type { DataSource, EntitySubscriberInterface, QueryRunner } from 'typeorm';

/** Calls back once a caller's transaction has committed, and never when it was rolled back. */
export class CommitWatch {
  private readonly waiting = new WeakMap<QueryRunner, (() => void)[]>();
  private readonly subscriber: EntitySubscriberInterface = {
    afterTransactionCommit: ({ queryRunner }) => {
      if (!queryRunner.isTransactionActive) this.take(queryRunner).forEach((tell) => tell());
    },
    afterTransactionRollback: ({ queryRunner }) => {
      if (!queryRunner.isTransactionActive) this.take(queryRunner);
    },
  };

  constructor(private readonly dataSource: DataSource) {}

  start(): void {
    this.dataSource.subscribers.push(this.subscriber);
  }

  stop(): void {
    const at = this.dataSource.subscribers.indexOf(this.subscriber);
    if (at >= 0) this.dataSource.subscribers.splice(at, 1);
  }

  /** TypeORM forgets subscribers that were there before it connected. */
  onCommit(runner: QueryRunner, tell: () => void): void {
    if (!this.dataSource.subscribers.includes(this.subscriber)) this.start();
    const waiting = this.waiting.get(runner);
    if (waiting) waiting.push(tell);
    else this.waiting.set(runner, [tell]);
  }

  private take(runner: QueryRunner): (() => void)[] {
    const waiting = this.waiting.get(runner) ?? [];
    this.waiting.delete(runner);
    return waiting;
  }
}
