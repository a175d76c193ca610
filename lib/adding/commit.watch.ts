import type { DataSource, EntitySubscriberInterface, QueryRunner } from 'typeorm';

interface Waiting {
  readonly tell: () => void;
  /** How many transactions deep: 1 is the outermost, what is below it are savepoints. */
  readonly depth: number;
}

/** Calls back once a caller's transaction has committed, and never for what was rolled back. */
export class CommitWatch {
  private readonly waiting = new WeakMap<QueryRunner, readonly Waiting[]>();
  private readonly subscriber: EntitySubscriberInterface = {
    afterTransactionCommit: ({ queryRunner }) => this.committed(queryRunner),
    afterTransactionRollback: ({ queryRunner }) => this.rolledBack(queryRunner),
  };

  constructor(private readonly dataSource: DataSource) {}

  onCommit(runner: QueryRunner, tell: () => void): void {
    this.subscribe();
    this.waiting.set(runner, [...(this.waiting.get(runner) ?? []), { tell, depth: depthOf(runner) }]);
  }

  stop(): void {
    const at = this.dataSource.subscribers.indexOf(this.subscriber);
    if (at >= 0) this.dataSource.subscribers.splice(at, 1);
  }

  /** Not at once: TypeORM forgets the subscribers that were there before it connected. */
  private subscribe(): void {
    if (!this.dataSource.subscribers.includes(this.subscriber))
      this.dataSource.subscribers.push(this.subscriber);
  }

  /** What a released savepoint held now hangs on the transaction around it. */
  private committed(runner: QueryRunner): void {
    const waiting = this.waiting.get(runner) ?? [];
    const around = depthOf(runner);
    if (around > 0)
      this.waiting.set(
        runner,
        waiting.map(({ tell, depth }) => ({ tell, depth: Math.min(depth, around) })),
      );
    else {
      this.waiting.delete(runner);
      for (const { tell } of waiting) tell();
    }
  }

  private rolledBack(runner: QueryRunner): void {
    const around = depthOf(runner);
    this.waiting.set(
      runner,
      (this.waiting.get(runner) ?? []).filter(({ depth }) => depth <= around),
    );
  }
}

/** TypeORM counts, but does not say so in its types. */
const depthOf = (runner: QueryRunner) =>
  runner.isTransactionActive
    ? ((runner as unknown as { transactionDepth?: number }).transactionDepth ?? 1)
    : 0;
