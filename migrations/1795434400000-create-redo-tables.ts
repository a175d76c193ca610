import type { MigrationInterface, QueryRunner } from 'typeorm';
import { redoTablesFor } from './create-redo-tables/redo-tables.js';

/**
 * Creates the tables of nestjs-redo; on MySQL and MariaDB it takes over those that the Java component's SQL
 * created, with their rows. Reverting keeps every task: live ones in `tbl_redotask`, the others in
 * `tbl_redotask_kept`. Stop the application's instances before reverting.
 */
export class CreateRedoTables1795434400000 implements MigrationInterface {
  /** Written out, so that a bundler that shortens class names doesn't rename the migration. */
  readonly name = 'CreateRedoTables1795434400000';

  async up(queryRunner: QueryRunner): Promise<void> {
    await redoTablesFor(queryRunner).create(queryRunner);
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await redoTablesFor(queryRunner).revert(queryRunner);
  }
}
