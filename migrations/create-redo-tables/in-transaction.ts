import type { QueryRunner } from 'typeorm';

/** TypeORM begins one for migrations, unless it is told not to (`migrationsTransactionMode: 'none'`). */
export async function inTransaction(queryRunner: QueryRunner, work: () => Promise<void>): Promise<void> {
  if (queryRunner.isTransactionActive) return work();
  await queryRunner.startTransaction();
  try {
    await work();
    await queryRunner.commitTransaction();
  } catch (error) {
    await queryRunner.rollbackTransaction();
    throw error;
  }
}
