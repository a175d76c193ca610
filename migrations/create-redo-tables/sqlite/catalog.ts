import type { QueryRunner } from 'typeorm';
import { select } from '../select.js';

export async function tableExists(queryRunner: QueryRunner, table: string): Promise<boolean> {
  const rows = await select<unknown>(
    queryRunner,
    `SELECT name FROM sqlite_master WHERE type = 'table' AND name = ?`,
    [table],
  );
  return rows.length > 0;
}
