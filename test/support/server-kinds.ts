import { readdir, realpath } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Account, accountOf, aptInstall, canAptInstall, findPrograms, isRoot, run } from './programs.js';

export type ServerKindName = 'mariadb' | 'mysql' | 'postgres';

/** What differs between the kinds of database server when the tests need one. */
export interface ServerKind {
  readonly name: ServerKindName;
  /** The environment variable that names a server to use. */
  readonly urlVariable: string;
  /** What a person does when there is none. */
  readonly remedy: string;
  /** Who may do everything on a server of our own. */
  readonly superuser: string;
  /** Whether what the server says of itself, or the program's `--version`, is of this kind and recent enough. */
  isVersion(version: string): boolean;
  /** The server program on this machine, if there is one. */
  findProgram(): Promise<string | undefined>;
  /** Installs the server program if this machine lets us; false if it does not. */
  install(): Promise<boolean>;
  /** The account that the server runs under; undefined: ours. */
  account(): Promise<Account | undefined>;
  /** The command that fills an empty data directory; the superuser has no password. */
  initialise(program: string, dataDirectory: string): Promise<Command>;
  serverArguments(place: ServerPlace): string[];
  /** Ends the server in good order, without waiting for its clients. */
  readonly stopSignal: NodeJS.Signals;
  /** Ends a server whose data is thrown away; nothing of it is left on the machine. */
  readonly endSignal: NodeJS.Signals;
}

export interface Command {
  program: string;
  args: string[];
}

/** Where a server of our own lives. */
export interface ServerPlace {
  /** For its socket and the like. */
  readonly directory: string;
  readonly data: string;
  readonly port: number;
}

/** Several test files at once, each with pools. */
const MOST_CONNECTIONS = 500;

/** MariaDB and MySQL refuse to run as root unless told so. */
const asRoot = () => (isRoot() ? ['--user=root'] : []);

const mysqlArguments = ({ directory, data, port }: ServerPlace): string[] => [
  '--no-defaults',
  `--datadir=${data}`,
  `--socket=${join(directory, 'server.sock')}`,
  `--pid-file=${join(directory, 'server.pid')}`,
  // Whoever starts deletes all temporary tables there: a server of another test's would lose its own.
  `--tmpdir=${directory}`,
  '--bind-address=127.0.0.1',
  `--port=${port}`,
  '--skip-networking=OFF',
  `--max-connections=${MOST_CONNECTIONS}`,
  ...asRoot(),
];

const mariadb: ServerKind = {
  name: 'mariadb',
  urlVariable: 'MARIADB_URL',
  superuser: 'root',
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
  account: () => Promise.resolve(undefined),
  serverArguments: mysqlArguments,
  endSignal: 'SIGKILL',
  stopSignal: 'SIGTERM',
};

const mysql: ServerKind = {
  name: 'mysql',
  urlVariable: 'MYSQL_URL',
  superuser: 'root',
  remedy: "set MYSQL_URL, install Oracle's mysqld or run ../shared/bin/mysql-server start",
  isVersion: (version) => !/mariadb|postgresql/i.test(version),
  findProgram: async () => (await firstOfKind(mysql, 'mysqld')) ?? (await unpackedMysqld()),
  // Debian's stable release has no MySQL.
  install: () => Promise.resolve(false),
  initialise(program, dataDirectory) {
    const args = ['--no-defaults', '--initialize-insecure', `--datadir=${dataDirectory}`, ...asRoot()];
    return Promise.resolve({ program, args });
  },
  account: () => Promise.resolve(undefined),
  // Its default folder for exports belongs to a server installed as a service, and may not exist.
  serverArguments: (place) => [...mysqlArguments(place), '--mysqlx=OFF', '--secure-file-priv=NULL'],
  endSignal: 'SIGKILL',
  stopSignal: 'SIGTERM',
};

const postgres: ServerKind = {
  name: 'postgres',
  urlVariable: 'POSTGRES_URL',
  remedy: 'set POSTGRES_URL or install PostgreSQL 13 or later (Debian: apt-get install postgresql)',
  superuser: 'postgres',
  isVersion: (version) => Number(/postgresql\)? (\d+)/i.exec(version)?.[1]) >= 13,
  findProgram: async () => firstOfKind(postgres, 'postgres', await debianFolders()),
  async install() {
    if (!(await canAptInstall())) return false;
    await aptInstall('postgresql');
    return true;
  },
  // It runs as anybody but root.
  account: async () =>
    isRoot() ? ((await accountOf('postgres')) ?? (await accountOf('nobody'))) : undefined,
  async initialise(program, dataDirectory) {
    const settings = ['--username=postgres', '--auth=trust', '--encoding=UTF8', '--no-locale'];
    return {
      program: await besides(program, ['initdb']),
      args: [`--pgdata=${dataDirectory}`, ...settings],
    };
  },
  serverArguments: ({ directory, data, port }) => [
    `-D${data}`,
    `-p${port}`,
    '-clisten_addresses=127.0.0.1',
    `-cunix_socket_directories=${directory}`,
    `-cmax_connections=${MOST_CONNECTIONS}`,
    // In the data directory, not in the machine's shared memory, where a killed server leaves it behind.
    '-cdynamic_shared_memory_type=mmap',
  ],
  stopSignal: 'SIGINT',
  // At once, and without the shared memory that a killed one leaves behind.
  endSignal: 'SIGQUIT',
};

export const SERVER_KINDS: Readonly<Record<ServerKindName, ServerKind>> = { mariadb, mysql, postgres };

/** Debian keeps every release's programs in a folder of its own, outside of PATH; the newest first. */
async function debianFolders(): Promise<string[]> {
  const root = '/usr/lib/postgresql';
  const releases = await readdir(root).catch(() => []);
  return releases
    .sort((one, other) => Number(other) - Number(one))
    .map((release) => join(root, release, 'bin'));
}

/** MariaDB's server may be called mysqld too, so the name alone proves nothing. */
async function firstOfKind(
  kind: ServerKind,
  name: string,
  folders: string[] = [],
): Promise<string | undefined> {
  for (const program of await findPrograms(name, folders)) {
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
