import { randomBytes } from 'node:crypto';
import { mysqlPool } from './mysql-connection.js';
import { postgresPool } from './postgres-connection.js';
import { type ExtraOptions, type TestDatabase } from './test-database.js';
import { parseServerUrl, withConnection } from './server-connection.js';
import { type ServerKindName } from './server-kinds.js';
import { currentTestRun, schemaPrefix } from './test-run.js';

/** What the kinds of server call a schema, and how one is made and dropped. */
interface SchemaWords {
  readonly create: (schema: string) => string;
  /** Tells a test that left a transaction open, or ends what it left open, instead of hanging. */
  readonly drop: (schema: string) => string[];
  readonly listed: string;
}

const MYSQL: SchemaWords = {
  create: (schema) => `CREATE DATABASE ${schema} CHARACTER SET utf8mb4`,
  drop: (schema) => ['SET SESSION lock_wait_timeout = 10', `DROP DATABASE ${schema}`],
  listed: 'SELECT schema_name AS name FROM information_schema.schemata WHERE schema_name LIKE ?',
};

const WORDS: Readonly<Record<ServerKindName, SchemaWords>> = {
  mariadb: MYSQL,
  mysql: MYSQL,
  postgres: {
    create: (schema) => `CREATE DATABASE ${schema}`,
    drop: (schema) => [`DROP DATABASE ${schema} WITH (FORCE)`],
    listed: 'SELECT datname AS name FROM pg_database WHERE datname LIKE ?',
  },
};

export async function createServerSchema(kind: ServerKindName, serverUrl: string): Promise<TestDatabase> {
  const schema = schemaPrefix(currentTestRun()) + randomBytes(6).toString('hex');
  await withConnection(serverUrl, (connection) => connection.query(WORDS[kind].create(schema)));
  const address = { ...parseServerUrl(serverUrl), database: schema };
  const admin = kind === 'postgres' ? postgresPool(address) : mysqlPool(address);
  const options = kind === 'postgres' ? { type: kind } : { type: kind, charset: 'utf8mb4' };

  return {
    kind,
    url: schemaUrl(kind, serverUrl, schema),
    options(extra: ExtraOptions = {}) {
      return { ...options, ...address, ...extra };
    },
    query: (sql, params) => admin.query(sql, params),
    async drop() {
      await admin.end();
      await dropSchema(kind, serverUrl, schema);
    },
  };
}

/** A failed test may not have dropped its schema, and a server given by URL goes on living. */
export async function dropSchemas(kind: ServerKindName, serverUrl: string, prefix: string): Promise<void> {
  const names = await withConnection(serverUrl, (connection) =>
    connection.query<{ name: string }>(WORDS[kind].listed, [`${prefix.replaceAll('_', '\\_')}%`]),
  );
  for (const { name } of names) await dropSchema(kind, serverUrl, name);
}

function dropSchema(kind: ServerKindName, serverUrl: string, schema: string): Promise<void> {
  return withConnection(serverUrl, async (connection) => {
    for (const sql of WORDS[kind].drop(schema)) await connection.query(sql);
  });
}

function schemaUrl(kind: ServerKindName, serverUrl: string, schema: string): string {
  const url = new URL(serverUrl.replace(/^\w+:/, `${kind}:`));
  url.pathname = `/${schema}`;
  return url.href;
}
