import type { QueryRunner } from 'typeorm';

/** The rows of one SELECT, typed by the caller, who wrote the statement. */
export async function select<Row>(
  queryRunner: QueryRunner,
  sql: string,
  parameters?: unknown[],
): Promise<Row[]> {
  return (await queryRunner.query(sql, parameters)) as Row[];
}
