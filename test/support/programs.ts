import { execFile } from 'node:child_process';
import { access, constants } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { userInfo } from 'node:os';
import { setTimeout } from 'node:timers/promises';
import { promisify } from 'node:util';

export const run = promisify(execFile);

// Server programs live in folders that an ordinary user's PATH often lacks.
const SERVER_FOLDERS = ['/usr/sbin', '/usr/local/sbin', '/usr/libexec', '/usr/local/mysql/bin'];

/** Every place where a program of this name lies: in `first`, then in the order of PATH. */
export async function findPrograms(name: string, first: string[] = []): Promise<string[]> {
  const folders = [...first, ...(process.env['PATH'] ?? '').split(delimiter), ...SERVER_FOLDERS];
  const found: string[] = [];
  for (const path of new Set(folders.filter(Boolean).map((folder) => join(folder, name)))) {
    if (await isExecutable(path)) found.push(path);
  }
  return found;
}

export const isRoot = () => userInfo().uid === 0;

/** A user of this machine. */
export interface Account {
  readonly uid: number;
  readonly gid: number;
}

export async function accountOf(user: string): Promise<Account | undefined> {
  const number = async (which: string) => Number((await run('id', [which, user])).stdout);
  try {
    return { uid: await number('-u'), gid: await number('-g') };
  } catch {
    return undefined;
  }
}

/** Whether `aptInstall` can work here: root on a Debian-like system. */
export async function canAptInstall(): Promise<boolean> {
  return isRoot() && (await findPrograms('apt-get')).length > 0;
}

export async function aptInstall(...packages: string[]): Promise<void> {
  process.stderr.write(`test set-up: installing ${packages.join(', ')} by apt-get\n`);
  await aptGet('update');
  await aptGet('install', '-y', '--no-install-recommends', ...packages);
}

/** Two tests, two runs on one machine, or unattended upgrades may hold a lock for a while; apt-get waits for some of them only. */
async function aptGet(...args: string[]): Promise<void> {
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  const giveUpAt = Date.now() + 300_000;
  for (;;) {
    try {
      await run('apt-get', ['-qq', ...args], { env });
      return;
    } catch (error) {
      if (!/Could not get lock|Unable to lock/.test(String(error)) || Date.now() > giveUpAt) throw error;
      await setTimeout(500);
    }
  }
}

function isExecutable(path: string): Promise<boolean> {
  return access(path, constants.X_OK).then(
    () => true,
    () => false,
  );
}
