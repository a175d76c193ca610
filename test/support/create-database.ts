import { createServerSchema } from './server-schema.js';
import { createSqliteFile } from './sqlite-file.js';
import { type TestDatabase } from './test-database.js';
import { type DatabaseKind } from './test-run.js';

/** A fresh, empty schema on a server of one's own (`startServer`). */
export function createDatabase(kind: DatabaseKind, serverUrl: string): Promise<TestDatabase> {
  return kind === 'sqlite' ? createSqliteFile() : createServerSchema(kind, serverUrl);
}
