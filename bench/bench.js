#!/usr/bin/env node
/**
 * `npm run bench`: installs what the bench needs, builds this repository, and hands over to the Node that the bench brings,
 * which the peers need.
 */
import { spawn, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const bench = dirname(fileURLToPath(import.meta.url));
const node = join(bench, 'node_modules/node/bin/node');
const args = process.argv.slice(2);

if (!existsSync(node)) run('npm', 'ci', '--prefix', bench, '--no-audit', '--no-fund', '--loglevel=error');
if (!args.includes('--library') && !args.includes('--help')) run('npm', 'run', '--silent', 'build');

// Whoever stops this process stops that one, which stops its servers.
const main = spawn(node, [join(bench, 'src/main.js'), ...args], { cwd: join(bench, '..'), stdio: 'inherit' });
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => main.kill(signal));
main.on('exit', (status) => process.exit(status ?? 1));

function run(program, ...given) {
  const { status, signal, error } = spawnSync(program, given, { cwd: join(bench, '..'), stdio: 'inherit' });
  if (error) throw error;
  if (status !== 0) process.exit(status ?? (signal === 'SIGINT' ? 130 : 1));
}
