import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import libsql from 'libsql';
import { redoMigrations } from 'nestjs-redo/migrations';
import type { DataSourceOptions } from 'typeorm';
import { CreateOrders1795600000000 } from './orders/1795600000000-create-orders.js';

export interface SampleDatabase {
  readonly options: DataSourceOptions;
  /** For people, without the password. */
  readonly description: string;
}

const ALLOWED = `allowed:
  mysql://user:password@host:3306/database
  mariadb://user:password@host:3306/database
  postgres://user:password@host:5432/database
  sqlite:///absolute/path.db
or leave it out: a temporary SQLite file is used`;

/** The tables of nestjs-redo and those of the application are made side by side, before anything else runs. */
const migrated = {
  migrations: [...redoMigrations, CreateOrders1795600000000],
  migrationsRun: true,
} satisfies Partial<DataSourceOptions>;

/**
 * @param url `DATABASE_URL`; without one, a temporary SQLite file that is deleted when the process ends
 * @throws {Error} naming what is allowed
 */
export function databaseFrom(url: string | undefined): SampleDatabase {
  if (url === undefined) {
    const file = temporaryFile();
    return sqlite(file, `SQLite, in a temporary file (${file})`);
  }
  const scheme = /^([a-z]+):/.exec(url)?.[1];
  switch (scheme) {
    case 'mysql':
    case 'mariadb':
    case 'postgres':
      return server(scheme, url);
    case 'postgresql':
      return server('postgres', url);
    case 'sqlite': {
      const path = /^sqlite:(?:\/\/)?(\/.+)$/.exec(url)?.[1];
      if (!path) throw new Error(`DATABASE_URL names no file by its absolute path; ${ALLOWED}`);
      return sqlite(decodeURIComponent(path), `SQLite, ${decodeURIComponent(path)}`);
    }
    case undefined:
    default:
      // Not the URL itself: it may hold a password.
      throw new Error(`DATABASE_URL begins with "${scheme ?? ''}:", which this sample can't use; ${ALLOWED}`);
  }
}

/** libsql speaks better-sqlite3's interface and installs without a compiler; better-sqlite3 itself works too. */
function sqlite(database: string, description: string): SampleDatabase {
  const options: DataSourceOptions = { type: 'better-sqlite3', driver: libsql, database, ...migrated };
  return { options, description };
}

function server(type: 'mysql' | 'mariadb' | 'postgres', url: string): SampleDatabase {
  if (!URL.canParse(url)) throw new Error(`DATABASE_URL is not a valid URL; ${ALLOWED}`);
  const { host, pathname } = new URL(url);
  if (pathname.length < 2) throw new Error(`DATABASE_URL names no database; ${ALLOWED}`);
  const name = { mysql: 'MySQL', mariadb: 'MariaDB', postgres: 'PostgreSQL' }[type];
  return {
    options: { type, url, ...migrated },
    description: `${name}, ${decodeURIComponent(pathname.slice(1))} on ${host}`,
  };
}

function temporaryFile(): string {
  const directory = mkdtempSync(join(tmpdir(), 'redo-sample-'));
  process.once('exit', () => rmSync(directory, { recursive: true, force: true }));
  return join(directory, 'orders.db');
}

/** Says what to do about the usual reasons why a database can't be opened. */
export function explainConnectionError(error: unknown, { description, options }: SampleDatabase): unknown {
  const { code } = error as { code?: string };
  const missing = `It doesn't exist. Create it: ${createDatabase(options)}`;
  const refused = 'The server refuses this user or password.';
  const forbidden = 'This user may not use this database.';
  const advice = new Map([
    ['ECONNREFUSED', 'Nothing listens there. Is the server running, are host and port right?'],
    ['ENOTFOUND', 'There is no such host.'],
    ['ER_BAD_DB_ERROR', missing],
    ['ER_ACCESS_DENIED_ERROR', refused],
    ['ER_DBACCESS_DENIED_ERROR', forbidden],
    // PostgreSQL's: no such database, wrong password, no such user or not from there, no privilege.
    ['3D000', missing],
    ['28P01', refused],
    ['28000', refused],
    ['42501', forbidden],
  ]).get(code ?? '');
  return advice ? new Error(`Can't use the database (${description}). ${advice}`, { cause: error }) : error;
}

function createDatabase(options: DataSourceOptions): string {
  const url = 'url' in options && options.url ? options.url : '';
  const name = URL.canParse(url) ? decodeURIComponent(new URL(url).pathname.slice(1)) : 'name';
  return options.type === 'postgres'
    ? `CREATE DATABASE "${name}"`
    : `CREATE DATABASE \`${name}\` CHARACTER SET utf8mb4`;
}
