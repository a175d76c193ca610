import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { createDatabase, durabilityOf, versionOf, withConnection } from './mysql-family.js';
import { PrivateServer } from './private-server.js';
import { isRoot, obtainProgram } from './programs.js';
import { sorted } from './statements.js';

const urlOf = (port) => `mysql://root@127.0.0.1:${port}/`;
const asRoot = () => (isRoot() ? ['--user=root'] : []);

/** MariaDB from Debian, with all its defaults. */
export async function startMariadb(parent) {
  const program = obtainProgram('mariadbd', ['mariadb-server-core', 'mariadb-client-core']);
  const installer = obtainProgram('mariadb-install-db', ['mariadb-server-core']);
  const kind = {
    name: 'mariadb',
    async initialise({ directory }) {
      const settings = ['--auth-root-authentication-method=normal', '--skip-test-db', ...asRoot()];
      execFileSync(installer, ['--no-defaults', `--datadir=${join(directory, 'data')}`, ...settings], {
        stdio: 'pipe',
      });
    },
    command: ({ directory, port }) => ({
      program,
      args: [
        '--no-defaults',
        `--datadir=${join(directory, 'data')}`,
        `--socket=${join(directory, 'socket')}`,
        `--pid-file=${join(directory, 'pid')}`,
        '--bind-address=127.0.0.1',
        `--port=${port}`,
        ...asRoot(),
      ],
    }),
    answers: (port) => versionOf(urlOf(port)),
  };
  const server = await PrivateServer.start(kind, parent);
  const url = urlOf(server.place.port);
  return {
    store: 'mariadb',
    pid: server.pid,
    version: `MariaDB ${(await versionOf(url)).split('-')[0]}`,
    durability: await durabilityOf(url),
    create: (name) => createDatabase(url, name),
    statementsDuring: (_, work) => statementsDuring(url, work),
    stop: () => server.stop(),
  };
}

/** By the general log: the server is our own, and nobody else is at work on it. */
async function statementsDuring(url, work) {
  return withConnection(url, async (connection) => {
    await connection.query(`SET GLOBAL log_output = 'TABLE'; TRUNCATE mysql.general_log`);
    await connection.query('SET GLOBAL general_log = ON');
    await work();
    await connection.query('SET GLOBAL general_log = OFF');
    const [rows] = await connection.query(
      `SELECT CONVERT(argument USING utf8mb4) AS text FROM mysql.general_log
       WHERE command_type IN ('Query', 'Execute') AND thread_id <> CONNECTION_ID()`,
    );
    return sorted(rows.map(({ text }) => ({ text, number: 1 })));
  });
}
