import type { DataSource, QueryRunner } from 'typeorm';
import { mysqlRedoTables } from './mysql/mysql.redo-tables.js';
import { postgresRedoTables } from './postgres/postgres.redo-tables.js';
import { sqliteRedoTables } from './sqlite/sqlite.redo-tables.js';

/** What this migration does on one kind of database. Each step may be repeated after a run that broke off. */
export interface RedoTables {
  create(queryRunner: QueryRunner): Promise<void>;
  revert(queryRunner: QueryRunner): Promise<void>;
}

const REDO_TABLES: Readonly<Record<string, RedoTables>> = {
  mysql: mysqlRedoTables,
  mariadb: mysqlRedoTables,
  postgres: postgresRedoTables,
  'better-sqlite3': sqliteRedoTables,
};

export function redoTablesFor(queryRunner: QueryRunner): RedoTables {
  const { type } = dataSourceOf(queryRunner).options;
  const tables = REDO_TABLES[type];
  if (!tables) {
    throw new Error(
      `redo: no migrations for databases of type "${type}"; supported: ${Object.keys(REDO_TABLES).join(', ')}`,
    );
  }
  return tables;
}

/** TypeORM 1 calls it `dataSource`, 0.3 `connection`. */
function dataSourceOf(queryRunner: { dataSource?: DataSource; connection?: DataSource }): DataSource {
  return (queryRunner.dataSource ?? queryRunner.connection)!;
}
