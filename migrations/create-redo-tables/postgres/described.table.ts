import type { QueryRunner } from 'typeorm';
import { findTable, OURS } from './catalog.js';

/** A column's name, its type and constraints, and what it holds. */
export type Column = readonly [name: string, definition: string, comment: string];

/**
 * Creates a table that says what it is: PostgreSQL keeps comments in statements of their own.
 *
 * @param ending what follows the columns: `WITH (…)`
 * @throws {Error} there is a table of this name
 */
export async function createTable(
  queryRunner: QueryRunner,
  table: string,
  comment: string,
  columns: readonly Column[],
  ending = '',
): Promise<void> {
  if (await findTable(queryRunner, table)) throw new Error(alreadyThere(table));
  const lines = columns.map(([name, definition]) => `  ${name} ${definition}`);
  await queryRunner.query(`CREATE TABLE ${table} (\n${lines.join(',\n')}\n) ${ending}`);
  await queryRunner.query(`COMMENT ON TABLE ${table} IS '${OURS}${comment}'`);
  for (const [name, , about] of columns)
    await queryRunner.query(`COMMENT ON COLUMN ${table}.${name} IS '${about}'`);
}

const alreadyThere = (table: string) =>
  `redo: there is a table ${table} already, and it is not of this migration; rename it, or let the connection's search_path begin with a schema that has none. On PostgreSQL there are no tables of the Java component to take over; nothing was changed`;
