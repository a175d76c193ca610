import type { QueryRunner } from 'typeorm';
import { select } from '../select.js';
import { columnsOf, tableExists } from './catalog.js';
import { inTransaction } from './session.js';

/**
 * The Java component's table can't say that a task has ended: Java would run it again. So reverting puts the
 * finished tasks aside, and running the migration again takes them back.
 */
export async function keepFinishedTasks(queryRunner: QueryRunner): Promise<void> {
  const columns = await columnsOf(queryRunner, 'tbl_redotask');
  if (!columns.includes('status')) return; // reverted by a run that broke off later
  const finished = await select<unknown>(
    queryRunner,
    `SELECT id FROM tbl_redotask WHERE status IN ('DEAD', 'SUCCEEDED') LIMIT 1`,
  );
  if (finished.length === 0) return;

  await queryRunner.query('CREATE TABLE IF NOT EXISTS tbl_redotask_kept LIKE tbl_redotask');
  await queryRunner.query(`
    ALTER TABLE tbl_redotask_kept
      COMMENT = 'nestjs-redo: finished tasks, put aside by migration:revert, taken back by migration:run'`);
  await inTransaction(queryRunner, async () => {
    await queryRunner.query(`
      INSERT INTO tbl_redotask_kept (${quoted(columns)})
      SELECT ${quoted(columns)}
        FROM tbl_redotask
       WHERE status IN ('DEAD', 'SUCCEEDED')`);
    await queryRunner.query(`
      DELETE FROM tbl_redotask
       WHERE status IN ('DEAD', 'SUCCEEDED')`);
  });
}

export async function takeBackKeptTasks(queryRunner: QueryRunner): Promise<void> {
  if (!(await tableExists(queryRunner, 'tbl_redotask_kept'))) return;
  const keptColumns = await columnsOf(queryRunner, 'tbl_redotask_kept');
  const taskColumns = await columnsOf(queryRunner, 'tbl_redotask');
  const columns = quoted(keptColumns.filter((column) => taskColumns.includes(column)));

  await inTransaction(queryRunner, async () => {
    await renumberKeptTasks(queryRunner);
    await queryRunner.query(`
      INSERT INTO tbl_redotask (${columns})
      SELECT ${columns}
        FROM tbl_redotask_kept`);
    await queryRunner.query('DELETE FROM tbl_redotask_kept');
  });
  await queryRunner.query('DROP TABLE tbl_redotask_kept');
}

/** If the table was made anew in between, its tasks may have the ids of kept ones; these get higher ones then. */
async function renumberKeptTasks(queryRunner: QueryRunner): Promise<void> {
  const rows = await select<{ highest: string | null }>(
    queryRunner,
    `SELECT GREATEST(MAX(task.id), (SELECT MAX(id) FROM tbl_redotask_kept)) AS highest
      FROM tbl_redotask task`,
  );
  await queryRunner.query(
    `UPDATE tbl_redotask_kept kept
        SET kept.id = kept.id + ?
      WHERE EXISTS (SELECT 1 FROM tbl_redotask task WHERE task.id = kept.id)`,
    [Number(rows[0]?.highest ?? 0)],
  );
}

function quoted(columns: string[]): string {
  return columns.map((column) => `\`${column.replaceAll('`', '``')}\``).join(', ');
}
