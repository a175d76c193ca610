import { randomBytes } from 'node:crypto';
import mysql, { type RowDataPacket } from 'mysql2/promise';
import { type ExtraOptions, type TestDatabase } from './test-database.js';
import { connectionOptions, parseServerUrl, withConnection } from './server-connection.js';
import { type ServerKindName } from './server-kinds.js';
import { currentTestRun, schemaPrefix } from './test-run.js';

export async function createServerSchema(kind: ServerKindName, serverUrl: string): Promise<TestDatabase> {
  const schema = schemaPrefix(currentTestRun()) + randomBytes(6).toString('hex');
  await withConnection(serverUrl, (connection) =>
    connection.query(`CREATE DATABASE ${schema} CHARACTER SET utf8mb4`),
  );
  const address = parseServerUrl(serverUrl);
  // A pool of one: unlike a connection it recovers when the server was away.
  const admin = mysql.createPool({ ...connectionOptions(serverUrl), database: schema, connectionLimit: 1 });

  return {
    kind,
    url: schemaUrl(kind, serverUrl, schema),
    options(extra: ExtraOptions = {}) {
      return { type: kind, ...address, database: schema, charset: 'utf8mb4', ...extra };
    },
    async query<Row>(sql: string, params: readonly unknown[] = []) {
      const [rows] = await admin.query<RowDataPacket[]>(sql, [...params]);
      return Array.isArray(rows) ? rows.map((row) => ({ ...row }) as Row) : [];
    },
    async drop() {
      await admin.end();
      await withConnection(serverUrl, async (connection) => {
        // Tells a test that left a transaction open, instead of hanging.
        await connection.query('SET SESSION lock_wait_timeout = 10');
        await connection.query(`DROP DATABASE ${schema}`);
      });
    },
  };
}

function schemaUrl(kind: ServerKindName, serverUrl: string, schema: string): string {
  const url = new URL(serverUrl.replace(/^\w+:/, `${kind}:`));
  url.pathname = `/${schema}`;
  return url.href;
}
