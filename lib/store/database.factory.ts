import type { DataSource } from 'typeorm';
import { RedoConfigurationError } from '../redo.errors.js';
import { unsupportedDatabase } from '../redo.messages.js';
import type { Database } from './database.js';
import { ExplainedDatabase } from './explained.database.js';
import type { ServerDialect } from './dialect.js';
import { mariadbDialect } from './mariadb.dialect.js';
import { mysqlDialect } from './mysql.dialect.js';
import { postgresDialect } from './postgres.dialect.js';
import { ServerDatabase } from './server.database.js';
import { SqliteDatabase } from './sqlite.database.js';

type MakeDatabase = (dataSource: DataSource, patience: number) => Database;

const onServer =
  (dialect: ServerDialect): MakeDatabase =>
  (dataSource, patience) =>
    new ServerDatabase(dataSource, dialect, patience);

/** TypeORM's data source types → how to talk to them. */
const DATABASES: Readonly<Record<string, MakeDatabase | undefined>> = {
  mysql: onServer(mysqlDialect),
  mariadb: onServer(mariadbDialect),
  postgres: onServer(postgresDialect),
  'better-sqlite3': (dataSource, patience) => new SqliteDatabase(dataSource, patience),
};

/**
 * @param patience how long one call may wait for a connection or an answer, ms
 * @throws {RedoConfigurationError} the data source's type is not supported
 */
export function databaseOf(dataSource: DataSource, patience: number): Database {
  const { type } = dataSource.options;
  const make = DATABASES[type];
  if (!make) throw new RedoConfigurationError(unsupportedDatabase(type, Object.keys(DATABASES)));
  return new ExplainedDatabase(make(dataSource, patience));
}
