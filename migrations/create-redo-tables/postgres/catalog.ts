import type { QueryRunner } from 'typeorm';
import { select } from '../select.js';

/** The comment of every table of this library begins with it. */
export const OURS = 'nestjs-redo: ';

export interface FoundTable {
  /** Whether this migration made it. */
  readonly ours: boolean;
}

/** The table that statements mean by this name, whichever schema of the search path it is in. */
export async function findTable(queryRunner: QueryRunner, table: string): Promise<FoundTable | undefined> {
  const [row] = await select<{ there: boolean; comment: string | null }>(
    queryRunner,
    `SELECT to_regclass($1) IS NOT NULL AS there, obj_description(to_regclass($1), 'pg_class') AS comment`,
    [table],
  );
  return row?.there ? { ours: row.comment?.startsWith(OURS) ?? false } : undefined;
}
