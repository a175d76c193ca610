import type { DataSourceOptions } from 'typeorm';

const ALLOWED = `allowed: mysql://user:password@host:3306/database, mariadb://user:password@host:3306/database,
postgres://user:password@host:5432/database, sqlite:///absolute/path, sqlite:relative/path, sqlite::memory:`;

/** The data source that a `DATABASE_URL` names. Drivers are loaded only for the database that is asked for. */
export async function optionsOf(url: string | undefined): Promise<DataSourceOptions> {
  if (!url) throw new Error(`redo: the environment variable DATABASE_URL is not set; ${ALLOWED}`);
  const scheme = /^([a-z]+):/.exec(url)?.[1];
  switch (scheme) {
    case 'mysql':
    case 'mariadb':
    case 'postgres':
      return { type: scheme, url };
    case 'postgresql':
      return { type: 'postgres', url };
    case 'sqlite':
      return { type: 'better-sqlite3', driver: await sqliteDriver(), database: sqlitePath(url) };
    case undefined:
      throw new Error(`redo: DATABASE_URL has no scheme; ${ALLOWED}`);
    default:
      // not the URL itself: it may hold a password
      throw new Error(`redo: DATABASE_URL begins with "${scheme}:", which is not supported; ${ALLOWED}`);
  }
}

function sqlitePath(url: string): string {
  const path = decodeURIComponent(url.slice('sqlite:'.length)).replace(/^\/\/(?=\/)/, '');
  if (path === '' || path.startsWith('//')) {
    throw new Error(`redo: DATABASE_URL names no file (an absolute path has three slashes); ${ALLOWED}`);
  }
  return path;
}

async function sqliteDriver(): Promise<unknown> {
  const { default: libsql } = await import('libsql');
  return libsql;
}
