import { type TestDatabase } from './test-database.js';

/** One connection to a schema, as the server sees it. */
export interface Session {
  readonly id: number;
  /** The port it comes from. */
  readonly port: number;
  /** What it is doing; empty: nothing. */
  readonly statement: string;
  readonly inTransaction: boolean;
  /** It waits for a lock that somebody else has. */
  readonly waits: boolean;
}

const MYSQL = {
  sessions: `
    SELECT process.id, SUBSTRING_INDEX(host, ':', -1) AS port, IF(command = 'Query', info, NULL) AS statement,
           trx.trx_state IS NOT NULL AS in_transaction, trx.trx_state = 'LOCK WAIT' AS waits
    FROM information_schema.processlist AS process
    LEFT JOIN information_schema.innodb_trx AS trx ON trx.trx_mysql_thread_id = process.id
    WHERE db = DATABASE() AND process.id <> CONNECTION_ID()`,
  kill: (id: number) => `KILL CONNECTION ${id}`,
};

const POSTGRES = {
  sessions: `
    SELECT pid AS id, client_port AS port, CASE WHEN state = 'active' THEN query END AS statement,
           xact_start IS NOT NULL AS in_transaction, wait_event_type = 'Lock' AS waits
    FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid()`,
  kill: (id: number) => `SELECT pg_terminate_backend(${id})`,
};

const wordsOf = ({ kind }: TestDatabase) => (kind === 'postgres' ? POSTGRES : MYSQL);

/** All but the one that asks. MySQL and MariaDB bring what they say of transactions up to date every 100 ms. */
export async function sessionsOf(schema: TestDatabase): Promise<Session[]> {
  const rows = await schema.query<{
    id: number;
    port: number | string | null;
    statement: string | null;
    in_transaction: number | boolean;
    waits: number | boolean | null;
  }>(wordsOf(schema).sessions);
  return rows.map(({ id, port, statement, in_transaction, waits }) => ({
    id,
    port: Number(port),
    statement: statement?.trim() ?? '',
    inTransaction: Boolean(in_transaction),
    waits: Boolean(waits),
  }));
}

/** As an administrator does it, or a server that is short of connections. It may have ended by itself. */
export async function killSession(schema: TestDatabase, { id }: Session): Promise<void> {
  await schema.query(wordsOf(schema).kill(id)).catch(() => {});
}

/**
 * A deadlock of this transaction with another one is to end the other. InnoDB ends the one that has written less, PostgreSQL
 * the one that notices.
 */
export async function winDeadlocks(
  { kind }: TestDatabase,
  transaction: { query(sql: string): Promise<unknown> },
): Promise<void> {
  if (kind === 'postgres') await transaction.query(`SET LOCAL deadlock_timeout = '1h'`);
}
