import type { RedoTables } from '../redo-tables.js';
import { keepFinishedTasks, takeBackKeptTasks } from './kept-tasks.js';
import { createLockTable, revertLockTable } from './lock.table.js';
import { createPauseTable, dropPauseTable } from './pause.table.js';
import { withZeroDatesAllowed } from './session.js';
import { createOrTakeOverTaskTable, revertTaskTable } from './task.table.js';
import { createWorkerTable, dropWorkerTable } from './worker.table.js';

/**
 * MySQL and MariaDB commit at every DDL statement, so no transaction can undo a run that broke off: each step
 * looks at what is there and does what is missing.
 */
export const mysqlRedoTables: RedoTables = {
  async create(queryRunner) {
    await withZeroDatesAllowed(queryRunner, async () => {
      await createLockTable(queryRunner);
      await createWorkerTable(queryRunner);
      await createPauseTable(queryRunner);
      await createOrTakeOverTaskTable(queryRunner);
      await takeBackKeptTasks(queryRunner);
    });
  },

  async revert(queryRunner) {
    await withZeroDatesAllowed(queryRunner, async () => {
      await dropWorkerTable(queryRunner);
      await dropPauseTable(queryRunner);
      await keepFinishedTasks(queryRunner);
      await revertTaskTable(queryRunner);
      await revertLockTable(queryRunner);
    });
  },
};
