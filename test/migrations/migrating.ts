import { DataSource, type QueryRunner } from 'typeorm';
import { redoMigrations } from '../../migrations/index.js';
import { type TestDatabase } from '../support/databases.js';

/** As an application does it: `migrationsRun: true`. */
export async function migrate(database: TestDatabase): Promise<void> {
  const dataSource = new DataSource(database.options({ migrations: redoMigrations, migrationsRun: true }));
  await dataSource.initialize();
  await dataSource.destroy();
}

export async function revert(database: TestDatabase): Promise<void> {
  await withDataSource(database, (dataSource) => dataSource.undoLastMigration());
}

export async function withDataSource(
  database: TestDatabase,
  work: (dataSource: DataSource) => Promise<void>,
): Promise<void> {
  const dataSource = await new DataSource(database.options({ migrations: redoMigrations })).initialize();
  try {
    await work(dataSource);
  } finally {
    await dataSource.destroy();
  }
}

/** Runs the migration by hand, on one connection that was prepared for it. */
export async function onOneConnection(
  database: TestDatabase,
  work: (queryRunner: QueryRunner, migration: InstanceType<(typeof redoMigrations)[number]>) => Promise<void>,
): Promise<void> {
  await withDataSource(database, async (dataSource) => {
    const queryRunner = dataSource.createQueryRunner();
    try {
      for (const Migration of redoMigrations) await work(queryRunner, new Migration());
    } finally {
      await queryRunner.release();
    }
  });
}

const MYSQL_TABLES =
  'SELECT TABLE_NAME AS name FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE()';

const TABLES: Readonly<Record<TestDatabase['kind'], string>> = {
  sqlite: `SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'`,
  mariadb: MYSQL_TABLES,
  mysql: MYSQL_TABLES,
  postgres: 'SELECT tablename AS name FROM pg_tables WHERE schemaname = current_schema()',
};

/** Names of all tables except TypeORM's own. */
export async function tablesOf(database: TestDatabase): Promise<string[]> {
  const rows = await database.query<{ name: string }>(TABLES[database.kind]);
  return rows
    .map((row) => row.name)
    .filter((name) => name !== 'migrations')
    .sort();
}

export interface Column {
  name: string;
  type: string;
  nullable: string;
  default: string | null;
  charset: string | null;
  collation: string | null;
  extra: string;
  comment: string;
}

/** All that a server says of a table, columns and keys in order. */
export function structureOf(database: TestDatabase, table: string): Promise<Structure> {
  return database.kind === 'postgres'
    ? postgresStructureOf(database, table)
    : mysqlStructureOf(database, table);
}

export interface Structure {
  columns: Column[];
  keys: Record<string, unknown>[];
  itself: { comment: string } | undefined;
}

async function mysqlStructureOf(database: TestDatabase, table: string): Promise<Structure> {
  const columns = await database.query<Column>(
    `SELECT COLUMN_NAME AS name, COLUMN_TYPE AS type, IS_NULLABLE AS nullable, COLUMN_DEFAULT AS \`default\`,
            CHARACTER_SET_NAME AS charset, COLLATION_NAME AS collation, EXTRA AS extra, COLUMN_COMMENT AS comment
       FROM information_schema.COLUMNS
      WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = ?
      ORDER BY ORDINAL_POSITION`,
    [table],
  );
  const keys = await database.query(
    `SELECT INDEX_NAME AS name, SEQ_IN_INDEX AS position, COLUMN_NAME AS \`column\`, NON_UNIQUE AS repeats
       FROM information_schema.STATISTICS
      WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = ?
      ORDER BY INDEX_NAME, SEQ_IN_INDEX`,
    [table],
  );
  const [itself] = await database.query<{ comment: string }>(
    `SELECT ENGINE AS engine, ROW_FORMAT AS format, TABLE_COLLATION AS collation, TABLE_COMMENT AS comment
       FROM information_schema.TABLES
      WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = ?`,
    [table],
  );
  return { columns, keys, itself };
}

async function postgresStructureOf(database: TestDatabase, table: string): Promise<Structure> {
  const columns = await database.query<Column>(
    `SELECT column_name AS name, format_type(a.atttypid, a.atttypmod) AS type, is_nullable AS nullable,
            column_default AS "default", character_set_name AS charset, collation_name AS collation,
            identity_generation AS extra, COALESCE(col_description(a.attrelid, a.attnum), '') AS comment
       FROM information_schema.columns AS c
       JOIN pg_attribute AS a ON a.attrelid = to_regclass(c.table_name) AND a.attname = c.column_name
      WHERE table_schema = current_schema() AND table_name = ?
      ORDER BY ordinal_position`,
    [table],
  );
  const keys = await database.query(
    `SELECT indexname AS name, indexdef AS definition
       FROM pg_indexes
      WHERE schemaname = current_schema() AND tablename = ?
      ORDER BY indexname`,
    [table],
  );
  const [itself] = await database.query<{ comment: string }>(
    `SELECT relkind AS kind, reloptions AS options, COALESCE(obj_description(oid, 'pg_class'), '') AS comment
       FROM pg_class
      WHERE oid = to_regclass(?)`,
    [table],
  );
  return { columns, keys, itself };
}

export async function rowsOf(database: TestDatabase, table: string): Promise<Record<string, unknown>[]> {
  return database.query(`SELECT * FROM ${table} ORDER BY id`);
}

/** A task as this library adds it. */
export async function addTask(database: TestDatabase, values: Record<string, unknown> = {}): Promise<void> {
  const task = {
    redo_task_id: 'order.notify-partner',
    application_name: 'order-service',
    max_attempts: 10,
    req_param: '{"params":{"orderId":"1"}}',
    next_exec_time: 1_800_000_000_123,
    add_time: 1_790_000_000_123,
    ...values,
  };
  const columns = Object.keys(task);
  await database.query(
    `INSERT INTO tbl_redotask (${columns.join(', ')}) VALUES (${columns.map(() => '?').join(', ')})`,
    Object.values(task),
  );
}

export const FINISHED_TASKS: readonly Record<string, unknown>[] = [
  {
    status: 'DEAD',
    exec_times: 10,
    dead_reason: 'EXHAUSTED',
    dead_detail: '10 attempts failed',
    errors: '[{"message":"partner away 😀"}]',
  },
  { status: 'SUCCEEDED', exec_times: 1, expire_time: 1_900_000_000_456 },
];
