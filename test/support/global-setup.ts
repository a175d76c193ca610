import { randomBytes } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { type Keeper, startKeeper } from './keeper.js';
import { ServerUnavailable, sharedServer } from './servers.js';
import { sqliteDriver } from './sqlite-driver.js';
import {
  DATABASE_KINDS,
  type DatabaseKind,
  publishTestRun,
  type RunDatabase,
  type TestRun,
} from './test-run.js';
import { isCi, wantedDatabases } from './wanted-databases.js';

/** The keeper of this run, for the global teardown, which jest loads into the same process. */
export let keeper: Keeper | undefined;

/** Starts the servers that the test files share and tells the files where they are. */
export default async function globalSetup(): Promise<void> {
  const wanted = wantedDatabases();
  keeper = await startKeeper();
  const directory = join(keeper.directory, 'files');
  await mkdir(directory);

  const run: TestRun = { id: randomBytes(4).toString('hex'), directory, databases: [], leftOut: [] };
  for (const kind of DATABASE_KINDS) {
    if (!wanted.includes(kind)) run.leftOut.push({ kind, why: 'not among REDO_DATABASES' });
  }
  const starting = wanted.map((kind) => startDatabase(kind, keeper!));
  try {
    for (const found of await Promise.all(starting)) {
      if ('why' in found) run.leftOut.push(found);
      else run.databases.push(found);
    }
  } catch (error) {
    await Promise.allSettled(starting);
    await keeper.close();
    throw error;
  }
  publishTestRun(run);
}

async function startDatabase(
  kind: DatabaseKind,
  keeper: Keeper,
): Promise<RunDatabase | { kind: DatabaseKind; why: string }> {
  if (kind === 'sqlite') return { kind, url: '', version: sqliteVersion() };
  try {
    const { url, version, log } = await sharedServer(kind, keeper);
    return { kind, url, version, ...(log && { log }) };
  } catch (error) {
    if (kind !== 'mysql' || !(error instanceof ServerUnavailable)) throw error;
    if (isCi()) throw new Error(`${error.message} (CI is set, so it is not left out)`, { cause: error });
    return { kind, why: error.message };
  }
}

function sqliteVersion(): string {
  const connection = new (sqliteDriver())(':memory:', { timeout: 0 });
  const [row] = connection.prepare('SELECT sqlite_version() AS version').all();
  connection.close();
  return String(row?.['version']);
}
