import { endOfFile } from './end-of-file.js';
import { type ServerKindName } from './server-kinds.js';

export type DatabaseKind = 'sqlite' | ServerKindName;

export const DATABASE_KINDS: readonly DatabaseKind[] = ['sqlite', 'mariadb', 'mysql', 'postgres'];

/** What the global set-up tells the test files; it travels in the environment. */
export interface TestRun {
  /** Part of every schema's name, so that left-behind ones can be told apart and dropped. */
  id: string;
  /** For the tests' files, SQLite's above all; removed after the run. */
  directory: string;
  databases: RunDatabase[];
  leftOut: { kind: DatabaseKind; why: string }[];
}

export interface RunDatabase {
  kind: DatabaseKind;
  version: string;
  /** The server; empty for SQLite. */
  url: string;
  /** Of a server that the run started itself: the file it writes what happens to. */
  log?: string;
}

const VARIABLE = 'REDO_TEST_RUN';

export function publishTestRun(run: TestRun): void {
  process.env[VARIABLE] = JSON.stringify(run);
}

export function currentTestRun(): TestRun {
  const run = process.env[VARIABLE];
  if (!run) throw new Error('the databases of the test run are unknown: start the tests by `npm test`');
  return JSON.parse(run) as TestRun;
}

/** The end of the log of the server that this URL names, if the run started that server itself. */
export async function endOfServerLog(url: string): Promise<string | undefined> {
  const { databases } = process.env[VARIABLE] ? currentTestRun() : { databases: [] };
  const { log } = databases.find((database) => database.url !== '' && url.startsWith(database.url)) ?? {};
  return log && endOfFile(log);
}

export function schemaPrefix(run: TestRun): string {
  return `redo_test_${run.id}_`;
}
