import { openMysql } from './mysql-connection.js';
import { openPostgres } from './postgres-connection.js';
import { endOfServerLog } from './test-run.js';

export interface ServerAddress {
  host: string;
  port: number;
  username: string;
  password: string;
  /** Empty: none is named. */
  database: string;
}

/** A connection of a test's own, whatever the server is. */
export interface ServerConnection {
  /** One statement. Parameters are `?`; rows as those of `TestDatabase.query`. */
  query<Row = Record<string, unknown>>(sql: string, params?: readonly unknown[]): Promise<Row[]>;
  /** At once, whatever it is doing. */
  close(): void;
}

/** What a server of this kind is taken to listen on, and the account that may do everything there. */
const DEFAULTS = {
  mysql: { port: 3306, username: 'root' },
  postgres: { port: 5432, username: 'postgres' },
};

export function parseServerUrl(url: string): ServerAddress {
  let parsed: URL;
  try {
    parsed = new URL(url);
  } catch (cause) {
    throw new Error(`"${url}" is no server URL; one looks like mysql://root@127.0.0.1:3306/`, { cause });
  }
  const { port, username } = DEFAULTS[isPostgres(url) ? 'postgres' : 'mysql'];
  return {
    host: parsed.hostname,
    port: Number(parsed.port || port),
    username: decodeURIComponent(parsed.username || username),
    password: decodeURIComponent(parsed.password),
    database: decodeURIComponent(parsed.pathname.slice(1)),
  };
}

/** The same server, schema and account, reached at another address. */
export function atAddress(url: string, { host, port }: { host: string; port: number }): string {
  const moved = new URL(url);
  moved.hostname = host;
  moved.port = String(port);
  return moved.href;
}

/** @param url of a server, or of a schema on it */
export async function openConnection(url: string): Promise<ServerConnection> {
  const address = parseServerUrl(url);
  try {
    return await (isPostgres(url) ? openPostgres(address) : openMysql(address));
  } catch (error) {
    const log = await endOfServerLog(url);
    if (!log) throw error;
    throw new Error(`${(error as Error).message}\nThe server's log ends:\n${log}`, { cause: error });
  }
}

export async function withConnection<T>(
  url: string,
  work: (connection: ServerConnection) => Promise<T>,
): Promise<T> {
  const connection = await openConnection(url);
  try {
    return await work(connection);
  } finally {
    connection.close();
  }
}

/** What the server calls itself; also the way to find out whether it answers. */
export function serverVersion(url: string): Promise<string> {
  return withConnection(url, async (connection) => {
    const [row] = await connection.query<{ version: string }>('SELECT VERSION() AS version');
    // PostgreSQL goes on with the compiler.
    return row?.version.replace(/ on .*/, '') ?? '';
  });
}

const isPostgres = (url: string) => /^postgres(ql)?:/.test(url);
