import { realpath } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { aptInstall, canAptInstall, findPrograms, isRoot, run } from './programs.js';

export type ServerKindName = 'mariadb' | 'mysql';

/** What differs between the kinds of database server when the tests need one. */
export interface ServerKind {
  readonly name: ServerKindName;
  /** The environment variable that names a server to use. */
  readonly urlVariable: string;
  /** What a person does when there is none. */
  readonly remedy: string;
  /** Whether `SELECT VERSION()`, or the program's `--version`, is of this kind. */
  isVersion(version: string): boolean;
  /** The server program on this machine, if there is one. */
  findProgram(): Promise<string | undefined>;
  /** Installs the server program if this machine lets us; false if it does not. */
  install(): Promise<boolean>;
  /** The command that fills an empty data directory; its root has no password. */
  initialise(program: string, dataDirectory: string): Promise<Command>;
  /** Arguments beside those that every kind understands. */
  readonly serverArguments: readonly string[];
  /** Ends the server in good order, without waiting for its clients. */
  readonly stopSignal: NodeJS.Signals;
}

export interface Command {
  program: string;
  args: string[];
}

/** A server refuses to run as root unless told so. */
export const asRoot = () => (isRoot() ? ['--user=root'] : []);

const mariadb: ServerKind = {
  name: 'mariadb',
  urlVariable: 'MARIADB_URL',
  remedy: 'set MARIADB_URL or install MariaDB (Debian: apt-get install mariadb-server)',
  isVersion: (version) => /mariadb/i.test(version),
  findProgram: async () => (await firstOfKind(mariadb, 'mariadbd')) ?? (await firstOfKind(mariadb, 'mysqld')),
  async install() {
    if (!(await canAptInstall())) return false;
    // The programs alone: the package mariadb-server would also start a server of its own.
    await aptInstall('mariadb-server-core', 'mariadb-client-core');
    return true;
  },
  async initialise(program, dataDirectory) {
    const installer = await besides(program, ['mariadb-install-db', 'mysql_install_db']);
    const settings = ['--auth-root-authentication-method=normal', '--skip-test-db'];
    return {
      program: installer,
      args: ['--no-defaults', `--datadir=${dataDirectory}`, ...settings, ...asRoot()],
    };
  },
  serverArguments: [],
  stopSignal: 'SIGTERM',
};

const mysql: ServerKind = {
  name: 'mysql',
  urlVariable: 'MYSQL_URL',
  remedy: "set MYSQL_URL, install Oracle's mysqld or run ../shared/bin/mysql-server start",
  isVersion: (version) => !/mariadb/i.test(version),
  findProgram: async () => (await firstOfKind(mysql, 'mysqld')) ?? (await unpackedMysqld()),
  // Debian's stable release has no MySQL.
  install: () => Promise.resolve(false),
  initialise(program, dataDirectory) {
    const args = ['--no-defaults', '--initialize-insecure', `--datadir=${dataDirectory}`, ...asRoot()];
    return Promise.resolve({ program, args });
  },
  // Its default folder for exports belongs to a server installed as a service, and may not exist.
  serverArguments: ['--mysqlx=OFF', '--secure-file-priv=NULL'],
  stopSignal: 'SIGTERM',
};

export const SERVER_KINDS: Readonly<Record<ServerKindName, ServerKind>> = { mariadb, mysql };

/** MariaDB's server may be called mysqld too, so the name alone proves nothing. */
async function firstOfKind(kind: ServerKind, name: string): Promise<string | undefined> {
  for (const program of await findPrograms(name)) {
    const { stdout } = await run(program, ['--version']);
    if (kind.isVersion(stdout)) return program;
  }
  return undefined;
}

/** What `mysql-server` of the shared folder unpacked; it needs no chroot to run. */
async function unpackedMysqld(): Promise<string | undefined> {
  const program = fileURLToPath(new URL('../../../.ci/mysqld', import.meta.url));
  return run(program, ['--version']).then(
    () => program,
    () => undefined,
  );
}

async function besides(program: string, names: string[]): Promise<string> {
  const folder = dirname(await realpath(program));
  const near = [folder, join(folder, '../bin'), join(folder, '../scripts')];
  for (const name of names) {
    const [found] = await findPrograms(name, near);
    if (found) return found;
  }
  throw new Error(`${program} is there, but none of ${names.join(', ')}: it can't be given a data directory`);
}
