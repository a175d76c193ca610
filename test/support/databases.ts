import { describe, test } from '@jest/globals';
import { createDatabase } from './create-database.js';
import { type TestDatabase } from './test-database.js';
import { currentTestRun, type DatabaseKind, type RunDatabase } from './test-run.js';

export { createDatabase } from './create-database.js';
export type { ExtraOptions, TestDatabase } from './test-database.js';

/** One of the databases of this run. */
export interface Database {
  readonly kind: DatabaseKind;
  /** A fresh, empty schema; `drop` it afterwards. */
  create(): Promise<TestDatabase>;
}

/** `describe` once for every database of this run. */
export function forEachDatabase(body: (database: Database) => void): void {
  describeEach(currentTestRun().databases, body);
}

/** `describe` once for every database of this run that is a server. */
export function forEachServer(body: (database: Database) => void): void {
  describeEach(
    currentTestRun().databases.filter(({ kind }) => kind !== 'sqlite'),
    body,
  );
}

/** `describe` once for every database of this run that the Java component runs on: PostgreSQL never had its tables. */
export function forEachJavaServer(body: (database: Database) => void): void {
  describeEach(
    currentTestRun().databases.filter(({ kind }) => isJavas(kind)),
    body,
  );
}

export const isJavas = (kind: DatabaseKind) => kind === 'mysql' || kind === 'mariadb';

function describeEach(databases: RunDatabase[], body: (database: Database) => void): void {
  for (const { kind, url } of databases) {
    describe(`on ${kind}`, () => body({ kind, create: () => createDatabase(kind, url) }));
  }
  // A file without any test would fail.
  if (databases.length === 0) test.skip('no database of this run is meant', () => {});
}
