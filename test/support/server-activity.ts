import { type TestDatabase } from './test-database.js';

/** One connection to a schema, as the server sees it. */
export interface Session {
  readonly id: number;
  /** The port it comes from. */
  readonly port: number;
  /** How what it is doing begins; empty: nothing. */
  readonly statement: string;
  readonly inTransaction: boolean;
  /** It waits for a lock that somebody else has. */
  readonly waits: boolean;
}

/** All but the one that asks. MySQL and MariaDB bring what they say of transactions up to date every 100 ms. */
export function sessionsOf(schema: TestDatabase): Promise<Session[]> {
  return schema.kind === 'postgres' ? postgresSessions(schema) : mysqlSessions(schema);
}

/** As an administrator does it, or a server that is short of connections. It may have ended by itself. */
export async function killSession(schema: TestDatabase, { id }: Session): Promise<void> {
  const words = schema.kind === 'postgres' ? `SELECT pg_terminate_backend(${id})` : `KILL CONNECTION ${id}`;
  await schema.query(words).catch(() => {});
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

async function postgresSessions(schema: TestDatabase): Promise<Session[]> {
  const found = await schema.query<Omit<Session, 'statement'> & { statement: string | null }>(`
    SELECT pid AS id, client_port AS port, CASE WHEN state = 'active' THEN query END AS statement,
           xact_start IS NOT NULL AS "inTransaction", COALESCE(wait_event_type = 'Lock', false) AS waits
    FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid()`);
  return found.map((session) => ({ ...session, statement: session.statement?.trim() ?? '' }));
}

async function mysqlSessions(schema: TestDatabase): Promise<Session[]> {
  // Not information_schema's, which fails when anybody's statement has a character of four bytes in it.
  const processes = await schema.query<{
    Id: number;
    Host: string;
    db: string | null;
    Command: string;
    Info: string | null;
  }>('SHOW PROCESSLIST');
  const transactions = await schema.query<{ id: number; state: string }>(
    'SELECT trx_mysql_thread_id AS id, trx_state AS state FROM information_schema.innodb_trx',
  );
  const [own] = await schema.query<{ id: number; name: string }>(
    'SELECT CONNECTION_ID() AS id, DATABASE() AS name',
  );
  return processes
    .filter(({ Id, db }) => db === own?.name && Id !== own.id)
    .map(({ Id: id, Host, Command, Info }) => ({
      id,
      port: Number(Host.split(':').at(-1)),
      statement: Command === 'Query' ? (Info?.trim() ?? '') : '',
      inTransaction: transactions.some((each) => each.id === id),
      waits: transactions.some((each) => each.id === id && each.state === 'LOCK WAIT'),
    }));
}
