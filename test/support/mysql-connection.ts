import mysql, { type ConnectionOptions } from 'mysql2/promise';
import { type ServerAddress, type ServerConnection } from './server-connection.js';

/** Rows read this way have plain values (see `TestDatabase.query`). */
export function mysqlOptions({ username, ...address }: ServerAddress): ConnectionOptions {
  return {
    ...address,
    user: username,
    charset: 'utf8mb4',
    dateStrings: true,
    jsonStrings: true,
    supportBigNumbers: true,
  };
}

export async function openMysql(address: ServerAddress): Promise<ServerConnection> {
  const connection = await mysql.createConnection({ ...mysqlOptions(address), connectTimeout: 5_000 });
  // Whoever uses the connection next learns of it there.
  connection.on('error', () => {});
  return {
    query: <Row>(sql: string, params: readonly unknown[] = []) => ask<Row>(connection, sql, params),
    close: () => connection.destroy(),
  };
}

/** A pool of one: unlike a connection it recovers when the server was away. */
export function mysqlPool(address: ServerAddress) {
  const pool = mysql.createPool({ ...mysqlOptions(address), connectionLimit: 1 });
  return {
    query: <Row>(sql: string, params: readonly unknown[] = []) => ask<Row>(pool, sql, params),
    end: () => pool.end(),
  };
}

async function ask<Row>(
  asked: Pick<mysql.Pool, 'query'>,
  sql: string,
  params: readonly unknown[],
): Promise<Row[]> {
  const [rows] = await asked.query<mysql.RowDataPacket[]>(sql, [...params]);
  return Array.isArray(rows) ? rows.map((row) => ({ ...row }) as Row) : [];
}
