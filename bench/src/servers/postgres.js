import { execFileSync } from 'node:child_process';
import { chmodSync, chownSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import pg from 'pg';
import { PrivateServer } from './private-server.js';
import { isRoot, obtainProgram, postgresFolders } from './programs.js';
import { sorted } from './statements.js';

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
    statementsDuring: (_, work) => statementsDuring(url, server.place.log, work),
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

/** By the server's log: it is our own, and nobody else is at work on it. */
async function statementsDuring(url, log, work) {
  const set = async (value) => {
    await query(url, `ALTER SYSTEM SET log_statement = ${value}`);
    await query(url, 'SELECT pg_reload_conf()');
    await pause(200);
  };
  await set("'all'");
  const from = statSync(log).size;
  await work();
  const lines = readFileSync(log)
    .subarray(from)
    .toString('utf8')
    .split(/^(?=\d{4}-)/m);
  await set("'none'");
  const sent = lines.flatMap((line) => /LOG: {2}(?:statement|execute [^:]*): (.*)/s.exec(line)?.[1] ?? []);
  return sorted(sent.map((text) => ({ text, number: 1 })));
}
