import { createConnection } from 'mysql2/promise';
import pg from 'pg';

/** Another session's transaction that has read something and stays open, as a dump or a report does. */
export async function openSnapshot(store, url) {
  if (store === 'postgres') {
    const client = new pg.Client({ connectionString: url });
    await client.connect();
    await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ');
    await client.query('SELECT COUNT(*) FROM tbl_redotask');
    return { close: () => client.end() };
  }
  const connection = await createConnection(url);
  await connection.query('SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ');
  await connection.query('START TRANSACTION WITH CONSISTENT SNAPSHOT');
  await connection.query('SELECT COUNT(*) FROM tbl_redotask');
  return { close: () => connection.end() };
}
