import { execFileSync } from 'node:child_process';
import { chmodSync, chownSync } from 'node:fs';
import { join } from 'node:path';
import pg from 'pg';
import { PrivateServer } from './private-server.js';
import { isRoot, obtainProgram, postgresFolders } from './programs.js';

const urlOf = (port, name = 'postgres') => `postgres://postgres@127.0.0.1:${port}/${name}`;

/** PostgreSQL from Debian, with all its defaults. */
export async function startPostgres(parent) {
  const [initdb, program] = ['initdb', 'postgres'].map((name) =>
    obtainProgram(name, ['postgresql'], postgresFolders()),
  );
  // It refuses to run as root; Debian's package has a user for it.
  const owner = isRoot() ? ownerOf('postgres') : {};
  const kind = {
    name: 'postgres',
    async initialise({ directory }) {
      if (owner.uid !== undefined) {
        chownSync(directory, owner.uid, owner.gid);
        chmodSync(directory, 0o700);
      }
      const args = ['--username=postgres', '--auth=trust', '--encoding=UTF8', '--locale=C.UTF-8'];
      execFileSync(initdb, [...args, '-D', join(directory, 'data')], {
        ...owner,
        cwd: directory,
        stdio: 'pipe',
      });
    },
    command: ({ directory, port }) => ({
      program,
      args: [
        '-D',
        join(directory, 'data'),
        '-p',
        String(port),
        '-h',
        '127.0.0.1',
        '-c',
        `unix_socket_directories=${directory}`,
      ],
      options: { ...owner, cwd: directory },
    }),
    answers: (port) => query(urlOf(port), 'SELECT 1'),
  };
  const server = await PrivateServer.start(kind, parent);
  const url = urlOf(server.place.port);
  const [{ server_version: version }] = await query(url, 'SHOW server_version');
  return {
    store: 'postgres',
    pid: server.pid,
    version: `PostgreSQL ${version.split(' ')[0]}`,
    durability: await durabilityOf(url),
    async create(name) {
      await query(url, `CREATE DATABASE ${name}`);
      return {
        url: urlOf(server.place.port, name),
        drop: () => query(url, `DROP DATABASE IF EXISTS ${name} WITH (FORCE)`),
      };
    },
    stop: () => server.stop(),
  };
}

async function query(url, text) {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query(text)).rows;
  } finally {
    await client.end();
  }
}

async function durabilityOf(url) {
  const rows = await query(
    url,
    `SELECT name, setting FROM pg_settings WHERE name IN ('fsync', 'synchronous_commit', 'full_page_writes', 'shared_buffers')`,
  );
  return Object.fromEntries(rows.map(({ name, setting }) => [name, setting]));
}

function ownerOf(user) {
  const id = (flag) => Number(execFileSync('id', [flag, user], { encoding: 'utf8' }));
  return { uid: id('-u'), gid: id('-g') };
}
