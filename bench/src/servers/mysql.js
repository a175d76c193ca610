import { pidListeningOn } from '../harness/processes.js';
import { createDatabase, durabilityOf, versionOf } from './mysql-family.js';

/** Real MySQL, which Debian does not have: the one that `MYSQL_URL` names. */
export async function startMysql() {
  const url = process.env['MYSQL_URL'];
  if (!url) throw new Error('MYSQL_URL names no MySQL server (mysql://user:password@host:port/)');
  const version = await versionOf(url);
  if (/mariadb/i.test(version)) throw new Error(`MYSQL_URL names a MariaDB server, ${version}`);
  return {
    store: 'mysql',
    pid: pidListeningOn(Number(new URL(url).port || 3306)),
    version: `MySQL ${version.split('-')[0]}`,
    durability: await durabilityOf(url),
    create: (name) => createDatabase(url, name),
    stop: async () => {},
  };
}
