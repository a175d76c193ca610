import { keeper } from './global-setup.js';
import { dropSchemas } from './server-schema.js';
import { currentTestRun, schemaPrefix, type TestRun } from './test-run.js';

/** Stops what the set-up started, and says last of all which databases the tests met. */
export default async function globalTeardown(): Promise<void> {
  const run = currentTestRun();
  for (const { kind, url } of run.databases)
    if (kind !== 'sqlite') await dropSchemas(kind, url, schemaPrefix(run));
  await keeper?.close();
  console.log(`\n${summary(run)}`);
}

export function summary({ databases, leftOut }: TestRun): string {
  const tested = databases.map(({ kind, version }) => `${kind} ${version}`).join(', ');
  const missing = leftOut.map(({ kind, why }) => `${kind} (${why})`).join(', ');
  return `databases: ${tested}${missing && `; LEFT OUT: ${missing}`}`;
}
