import type { QueryRunner } from 'typeorm';
import { select } from '../select.js';

/** The columns of a table that a statement may write, in order; none if there is no such table. */
export async function columnsOf(queryRunner: QueryRunner, table: string): Promise<string[]> {
  const rows = await select<{ name: string }>(
    queryRunner,
    `SELECT COLUMN_NAME AS name
       FROM information_schema.COLUMNS
      WHERE TABLE_SCHEMA = DATABASE()
        AND TABLE_NAME = ?
        AND COALESCE(GENERATION_EXPRESSION, '') = ''
      ORDER BY ORDINAL_POSITION`,
    [table],
  );
  return rows.map((row) => row.name);
}

export async function tableExists(queryRunner: QueryRunner, table: string): Promise<boolean> {
  return (await columnsOf(queryRunner, table)).length > 0;
}

/** A table's comment; undefined if there is no such table. */
export async function commentOf(queryRunner: QueryRunner, table: string): Promise<string | undefined> {
  const rows = await select<{ comment: string }>(
    queryRunner,
    `SELECT TABLE_COMMENT AS comment
       FROM information_schema.TABLES
      WHERE TABLE_SCHEMA = DATABASE()
        AND TABLE_NAME = ?`,
    [table],
  );
  return rows[0]?.comment;
}

/** The id that the next row gets. SHOW CREATE TABLE knows it; MySQL's information_schema may be a day behind. */
export async function nextIdOf(queryRunner: QueryRunner, table: string): Promise<number> {
  const rows = await select<Record<string, string>>(queryRunner, `SHOW CREATE TABLE ${table}`);
  return Number(/ AUTO_INCREMENT=(\d+)/.exec(rows[0]?.['Create Table'] ?? '')?.[1] ?? 1);
}
