import mysql, { type Connection } from 'mysql2/promise';
import { connectionOptions } from './server-connection.js';
import { beginImmediate, commit, sqliteDriver } from './sqlite-driver.js';
import { type TestDatabase } from './test-database.js';
import { waitFor } from './wait-for.js';

/** One call of a handler, in whatever process, as the handler itself wrote it down. */
export interface Run {
  readonly id: number;
  readonly task: number;
  readonly attempt: number;
  readonly pid: number;
  /** 0: it has begun and not ended, or its process was killed in it. */
  readonly ended: number;
}

export async function createRunLedger(database: TestDatabase): Promise<void> {
  const id =
    database.kind === 'sqlite' ? 'INTEGER PRIMARY KEY AUTOINCREMENT' : 'BIGINT AUTO_INCREMENT PRIMARY KEY';
  await database.query(
    `CREATE TABLE tbl_test_runs (id ${id}, task BIGINT, attempt INT, pid INT, ended INT NOT NULL DEFAULT 0)`,
  );
}

/** In the order in which they began. */
export async function runsOf(database: TestDatabase, task?: number): Promise<Run[]> {
  const where = task === undefined ? '' : ' WHERE task = ?';
  return database.query<Run>(
    `SELECT id, task, attempt, pid, ended FROM tbl_test_runs${where} ORDER BY id`,
    task === undefined ? [] : [task],
  );
}

/** A handler's pen: it writes in autocommit, on a connection that nobody else uses, and so tells the truth. */
export interface RunLedger {
  begin(task: number, attempt: number): Promise<void>;
  end(task: number, attempt: number): Promise<void>;
  /** How many processes have begun something. */
  processes(): Promise<number>;
  close(): void;
}

/** @param url as `TestDatabase.url` */
export async function openRunLedger(url: string): Promise<RunLedger> {
  const { ask, close } = await openPen(url);
  const { pid } = process;
  return {
    async begin(task, attempt) {
      await ask('INSERT INTO tbl_test_runs (task, attempt, pid) VALUES (?, ?, ?)', [task, attempt, pid]);
    },
    async end(task, attempt) {
      await ask('UPDATE tbl_test_runs SET ended = 1 WHERE task = ? AND attempt = ? AND pid = ?', [
        task,
        attempt,
        pid,
      ]);
    },
    async processes() {
      const [row] = await ask('SELECT COUNT(DISTINCT pid) AS count FROM tbl_test_runs', []);
      return Number(row?.['count']);
    },
    close,
  };
}

/** One connection in autocommit; parameters are `?`. It does not come back when the connection is lost. */
export interface Pen {
  readonly ask: (sql: string, values: readonly unknown[]) => Promise<Record<string, unknown>[]>;
  readonly close: () => void;
}

export async function openPen(url: string): Promise<Pen> {
  return url.startsWith('sqlite:') ? sqlitePen(url) : serverPen(url);
}

function sqlitePen(url: string): Pen {
  const connection = new (sqliteDriver())(url.slice('sqlite://'.length), { timeout: 0 });
  const ask: Pen['ask'] = async (sql, values) => {
    await waitFor(() => (beginImmediate(connection), true), { what: `SQLite to write (${sql})` });
    const statement = connection.prepare(sql);
    const rows = statement.reader ? statement.all(...values) : (statement.run(...values), []);
    commit(connection);
    return rows;
  };
  return { ask, close: () => connection.close() };
}

async function serverPen(url: string): Promise<Pen> {
  const { pathname } = new URL(url);
  const connection: Connection = await mysql.createConnection({
    ...connectionOptions(url),
    database: pathname.slice(1),
  });
  // Whoever asks next learns of it.
  connection.on('error', () => {});
  const ask: Pen['ask'] = async (sql, values) => {
    const [rows] = await connection.query(sql, [...values]);
    return Array.isArray(rows) ? (rows as Record<string, unknown>[]) : [];
  };
  return { ask, close: () => connection.destroy() };
}
