import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { forEachDatabase, type TestDatabase } from '../support/databases.js';
import { tablesOf } from './migrating.js';

const PACKAGE = fileURLToPath(new URL('../../../', import.meta.url));
const { scripts } = JSON.parse(readFileSync(`${PACKAGE}package.json`, 'utf8')) as {
  scripts: Record<string, string>;
};

/** What `npm run migration:…` does once the build is done. */
async function cli(command: 'run' | 'revert' | 'show', url: string | undefined): Promise<string> {
  const [program, ...args] = scripts[`migration:${command}`]!.split(' && ').at(-1)!.split(' ');
  const env = { ...process.env, NODE_OPTIONS: '', DATABASE_URL: url };
  const { stdout } = await promisify(execFile)(`${PACKAGE}node_modules/.bin/${program}`, args, {
    cwd: PACKAGE,
    env,
  });
  return stdout;
}

forEachDatabase((database) => {
  let schema: TestDatabase;
  beforeEach(async () => {
    schema = await database.create();
  });
  afterEach(() => schema.drop());

  test('migration:show, run and revert work on DATABASE_URL', async () => {
    expect(await cli('show', schema.url)).toContain('[ ] CreateRedoTables1795434400000');
    await cli('run', schema.url);
    expect(await cli('show', schema.url)).toContain('[X] 1 CreateRedoTables1795434400000');
    expect(await tablesOf(schema)).toContain('tbl_redotask');
    await cli('revert', schema.url);
    expect(await tablesOf(schema)).toEqual([]);
  });
});

test.each([
  [undefined, 'DATABASE_URL is not set; allowed: mysql://'],
  ['oracle://scott:tiger@host/db', 'DATABASE_URL begins with "oracle:", which is not supported; allowed:'],
  ['redo.db', 'DATABASE_URL has no scheme; allowed:'],
  ['sqlite:', 'DATABASE_URL names no file'],
])('DATABASE_URL %s gets an error that says what is allowed', async (url, message) => {
  const failure = await cli('show', url).catch((error: { stdout: string; stderr: string }) => error);
  expect(JSON.stringify(failure)).toContain(JSON.stringify(message).slice(1, -1));
  expect(JSON.stringify(failure)).not.toContain('tiger');
});
