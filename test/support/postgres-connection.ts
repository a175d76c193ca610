import pg, { type ClientConfig } from 'pg';
import { type ServerAddress, type ServerConnection } from './server-connection.js';

/** A server has at least this database. */
const ALWAYS_THERE = 'postgres';

/** Rows read this way have plain values (see `TestDatabase.query`). */
function postgresOptions({ username, database, ...address }: ServerAddress): ClientConfig {
  return {
    ...address,
    user: username,
    database: database || ALWAYS_THERE,
    connectionTimeoutMillis: 5_000,
    types: PLAIN_TYPES,
  };
}

export async function openPostgres(address: ServerAddress): Promise<ServerConnection> {
  const client = new pg.Client(postgresOptions(address));
  // Whoever uses the connection learns of it there.
  client.on('error', () => {});
  await client.connect();
  return {
    query: <Row>(sql: string, params: readonly unknown[] = []) => ask<Row>(client, sql, params),
    close: () => void client.end(),
  };
}

/** A pool of one: unlike a connection it recovers when the server was away. */
export function postgresPool(address: ServerAddress) {
  const pool = new pg.Pool({ ...postgresOptions(address), max: 1 });
  pool.on('error', () => {});
  return {
    query: <Row>(sql: string, params: readonly unknown[] = []) => ask<Row>(pool, sql, params),
    end: () => pool.end(),
  };
}

async function ask<Row>(
  asked: Pick<pg.Client, 'query'>,
  sql: string,
  params: readonly unknown[],
): Promise<Row[]> {
  const { rows } = await asked.query(params.length > 0 ? numbered(sql) : sql, [...params]);
  return rows as Row[];
}

/** The tests' statements have no `?` but those of parameters. */
function numbered(sql: string): string {
  let count = 0;
  return sql.replaceAll('?', () => `$${++count}`);
}

/** Numbers that may be too large for JavaScript: `pg` gives them as text. */
const LARGE_NUMBERS = new Set<number>([pg.types.builtins.INT8, pg.types.builtins.NUMERIC]);

const PLAIN_TYPES: pg.CustomTypesConfig = {
  getTypeParser: (type: number, format?: 'text' | 'binary'): unknown =>
    LARGE_NUMBERS.has(type) ? numberOrText : pg.types.getTypeParser(type, format),
};

const numberOrText = (text: string) =>
  Number.isSafeInteger(Number(text)) || text.includes('.') ? Number(text) : text;
