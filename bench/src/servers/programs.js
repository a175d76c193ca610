import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { userInfo } from 'node:os';

// Server programs live in folders that an ordinary user's PATH often lacks.
const SERVER_FOLDERS = ['/usr/sbin', '/usr/local/sbin', '/usr/libexec'];

export const isRoot = () => userInfo().uid === 0;

/** Where a program lies, or undefined. */
export function findProgram(name, more = []) {
  const folders = [...(process.env['PATH'] ?? '').split(delimiter), ...SERVER_FOLDERS, ...more];
  return folders
    .filter(Boolean)
    .map((folder) => join(folder, name))
    .find((path) => existsSync(path));
}

/** The program, installed from Debian if need be and possible. */
export function obtainProgram(name, debianPackages, more = []) {
  const found = findProgram(name, more);
  if (found) return found;
  if (!isRoot() || !findProgram('apt-get'))
    throw new Error(`no ${name} found: install it (Debian: apt-get install ${debianPackages.join(' ')})`);
  process.stderr.write(`installing ${debianPackages.join(', ')} by apt-get\n`);
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  const apt = (...args) =>
    execFileSync('apt-get', ['-o', 'DPkg::Lock::Timeout=300', '-qq', ...args], { env, stdio: 'ignore' });
  apt('update');
  apt('install', '-y', '--no-install-recommends', ...debianPackages);
  const installed = findProgram(name, more);
  if (!installed) throw new Error(`${debianPackages.join(', ')} installed, but no ${name} found`);
  return installed;
}

/** Debian's folders of PostgreSQL's programs, the newest version first. */
export function postgresFolders() {
  const root = '/usr/lib/postgresql';
  if (!existsSync(root)) return [];
  return readdirSync(root)
    .sort((one, other) => Number(other) - Number(one))
    .map((version) => join(root, version, 'bin'));
}
