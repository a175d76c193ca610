import { keeper } from './global-setup.js';
import { withConnection } from './server-connection.js';
import { currentTestRun, schemaPrefix, type TestRun } from './test-run.js';

/** Stops what the set-up started, and says last of all which databases the tests met. */
export default async function globalTeardown(): Promise<void> {
  const run = currentTestRun();
  await dropForgottenSchemas(run);
  await keeper?.close();
  console.log(`\n${summary(run)}`);
}

export function summary({ databases, leftOut }: TestRun): string {
  const tested = databases.map(({ kind, version }) => `${kind} ${version}`).join(', ');
  const missing = leftOut.map(({ kind, why }) => `${kind} (${why})`).join(', ');
  return `databases: ${tested}${missing && `; LEFT OUT: ${missing}`}`;
}

/** A failed test may not have dropped its schema, and a server given by URL goes on living. */
async function dropForgottenSchemas(run: TestRun): Promise<void> {
  for (const { url } of run.databases) {
    if (!url) continue;
    await withConnection(url, async (connection) => {
      const [schemas] = await connection.query(
        'SELECT schema_name AS name FROM information_schema.schemata WHERE schema_name LIKE ?',
        [`${schemaPrefix(run).replaceAll('_', '\\_')}%`],
      );
      await connection.query('SET SESSION lock_wait_timeout = 10');
      for (const { name } of schemas as { name: string }[])
        await connection.query('DROP DATABASE ??', [name]);
    });
  }
}
