import { createConnection } from 'mysql2/promise';

/** What MariaDB and MySQL have in common for the bench. */
export async function withConnection(url, use) {
  const connection = await createConnection({ uri: url, multipleStatements: true });
  try {
    return await use(connection);
  } finally {
    await connection.end();
  }
}

export async function versionOf(url) {
  return withConnection(url, async (connection) => {
    const [[row]] = await connection.query('SELECT VERSION() AS version');
    return row.version;
  });
}

/** A database of its own for one turn. */
export async function createDatabase(url, name) {
  await withConnection(url, (connection) => connection.query('CREATE DATABASE ??', [name]));
  return {
    url: new URL(name, url).href,
    drop: () => withConnection(url, (connection) => connection.query('DROP DATABASE IF EXISTS ??', [name])),
  };
}

/** How durable the server says it is. */
export async function durabilityOf(url) {
  return withConnection(url, async (connection) => {
    const [rows] = await connection.query(
      `SHOW GLOBAL VARIABLES WHERE Variable_name IN
       ('innodb_flush_log_at_trx_commit', 'sync_binlog', 'log_bin', 'innodb_doublewrite', 'innodb_buffer_pool_size')`,
    );
    return Object.fromEntries(rows.map(({ Variable_name, Value }) => [Variable_name, Value]));
  });
}
