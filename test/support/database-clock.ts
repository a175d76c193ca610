import { type TestDatabase } from './test-database.js';
import { type DatabaseKind } from './test-run.js';

const MYSQL = 'ROUND(UNIX_TIMESTAMP(NOW(3)) * 1000)';

/** The database's now in epoch ms, as SQL that owes nothing to the library's. */
export const CLOCK: Readonly<Record<DatabaseKind, string>> = {
  sqlite: `CAST(ROUND(unixepoch('now', 'subsec') * 1000) AS INTEGER)`,
  mariadb: MYSQL,
  mysql: MYSQL,
  postgres: 'FLOOR(EXTRACT(EPOCH FROM now()) * 1000)',
};

export async function nowOf(database: TestDatabase): Promise<number> {
  const [row] = await database.query<{ now: number | string }>(`SELECT ${CLOCK[database.kind]} AS now`);
  return Number(row!.now);
}
