import mysql, { type Connection, type ConnectionOptions } from 'mysql2/promise';

export interface ServerAddress {
  host: string;
  port: number;
  username: string;
  password: string;
}

export function parseServerUrl(url: string): ServerAddress {
  let parsed: URL;
  try {
    parsed = new URL(url);
  } catch (cause) {
    throw new Error(`"${url}" is no server URL; one looks like mysql://root@127.0.0.1:3306/`, { cause });
  }
  return {
    host: parsed.hostname,
    port: Number(parsed.port || 3306),
    username: decodeURIComponent(parsed.username || 'root'),
    password: decodeURIComponent(parsed.password),
  };
}

/** The same server, schema and account, reached at another address. */
export function atAddress(url: string, { host, port }: { host: string; port: number }): string {
  const moved = new URL(url);
  moved.hostname = host;
  moved.port = String(port);
  return moved.href;
}

/** What mysql2 needs to reach the server; rows read this way have plain values (see `TestDatabase.query`). */
export function connectionOptions(url: string): ConnectionOptions {
  const { username, ...address } = parseServerUrl(url);
  return {
    ...address,
    user: username,
    charset: 'utf8mb4',
    dateStrings: true,
    jsonStrings: true,
    supportBigNumbers: true,
  };
}

export async function withConnection<T>(
  url: string,
  work: (connection: Connection) => Promise<T>,
): Promise<T> {
  const connection = await mysql.createConnection({ ...connectionOptions(url), connectTimeout: 5_000 });
  try {
    return await work(connection);
  } finally {
    connection.destroy();
  }
}

/** What `SELECT VERSION()` says; also the way to find out whether a server answers. */
export function serverVersion(url: string): Promise<string> {
  return withConnection(url, async (connection) => {
    const [rows] = await connection.query('SELECT VERSION() AS version');
    return (rows as { version: string }[])[0]?.version ?? '';
  });
}
