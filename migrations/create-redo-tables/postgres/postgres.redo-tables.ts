import { inTransaction } from '../in-transaction.js';
import type { RedoTables } from '../redo-tables.js';
import { createLockTable, revertLockTable } from './lock.table.js';
import { createPauseTable, dropPauseTable } from './pause.table.js';
import { createOrTakeBackTaskTable, revertTaskTable } from './task.table.js';
import { createWorkerTable, dropWorkerTable } from './worker.table.js';

/** PostgreSQL undoes a run that broke off, DDL included, as long as it runs in a transaction. */
export const postgresRedoTables: RedoTables = {
  async create(queryRunner) {
    await inTransaction(queryRunner, async () => {
      await createLockTable(queryRunner);
      await createWorkerTable(queryRunner);
      await createPauseTable(queryRunner);
      await createOrTakeBackTaskTable(queryRunner);
    });
  },

  async revert(queryRunner) {
    await inTransaction(queryRunner, async () => {
      await dropWorkerTable(queryRunner);
      await dropPauseTable(queryRunner);
      await revertTaskTable(queryRunner);
      await revertLockTable(queryRunner);
    });
  },
};
