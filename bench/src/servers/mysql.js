import { pidListeningOn } from '../harness/processes.js';
import { createDatabase, durabilityOf, versionOf, withConnection } from './mysql-family.js';
import { sorted } from './statements.js';

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
    statementsDuring: (database, work) =>
      statementsDuring(url, new URL(database.url).pathname.slice(1), work),
    stop: async () => {},
  };
}

/**
 * By the performance schema, which tells one database's statements from those of others. It has room for so many forms, of all
 * that the server has ever been asked, and then tells of no new one: so it is emptied first.
 */
async function statementsDuring(url, database, work) {
  return withConnection(url, async (connection) => {
    await connection.query('TRUNCATE TABLE performance_schema.events_statements_summary_by_digest');
    await work();
    const [sent] = await connection.query(
      `SELECT DIGEST_TEXT AS text, COUNT_STAR AS number
       FROM performance_schema.events_statements_summary_by_digest WHERE SCHEMA_NAME = ?`,
      [database],
    );
    return sorted(sent.map(({ text, number }) => ({ text, number: Number(number) })));
  });
}
