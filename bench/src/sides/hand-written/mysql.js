import { createPool } from 'mysql2/promise';
import ours from '../nestjs-redo.js';
import { handWritten } from './side.js';

const NOW = `TIMESTAMPDIFF(MICROSECOND, '1970-01-01', UTC_TIMESTAMP(3)) DIV 1000`;
const COLUMNS =
  '(application_name, redo_task_id, max_attempts, try_forever, req_param, add_time, next_exec_time)';

/**
 * One lookup of each id: two lanes that settle at once would deadlock if the server read by another index or the whole table.
 * MySQL can't lock the list and must be told what to lock; MariaDB has no OF.
 */
const TASKS_BY_ID = `JSON_TABLE(?, '$[*]' COLUMNS (id BIGINT PATH '$')) AS wanted
         STRAIGHT_JOIN tbl_redotask AS task FORCE INDEX (PRIMARY) ON task.id = wanted.id`;

/**
 * Tasks by their ids: mostly all in a row, and then one range, which must not go as far as the row that follows (a stranger may have
 * it): its last id is looked up by itself.
 */
function visiting(ids) {
  const [first, last] = [Math.min(...ids), Math.max(...ids)];
  return ids.length >= 100 && last - first + 1 === ids.length
    ? [
        'tbl_redotask AS task FORCE INDEX (PRIMARY) WHERE task.id BETWEEN ? AND ? OR task.id = ?',
        [first, last - 1, last],
      ]
    : [TASKS_BY_ID, [JSON.stringify(ids)]];
}

/** mysql2 alone, on the library's own tables. */
export default handWritten({
  name: 'mysql2 by hand',
  package: 'mysql2',
  stores: ['mariadb', 'mysql'],
  prepare: ours.prepare,

  connect({ url, settings }) {
    const pool = createPool({ uri: url, connectionLimit: settings.connections ?? 10 });
    return {
      add: (params, type) => insert(pool, type, [params]),
      addAll: async (list, type) => insert(pool, type, list, await timeOf(pool)),
      async addInTransaction(params, type) {
        const connection = await pool.getConnection();
        await connection.query('START TRANSACTION');
        await connection.query('INSERT INTO bench_order (id) VALUES (1)');
        await insert(connection, type, [params]);
        await connection.query('COMMIT');
        connection.release();
      },
      async left(type) {
        const [rows] = await pool.query(
          `SELECT 1 FROM tbl_redotask WHERE application_name = 'bench' AND status = 'PENDING' AND redo_task_id = ?
           AND next_exec_time <= ? LIMIT 1`,
          [type, Date.now()],
        );
        return rows.length > 0;
      },
      ledger: async (type) => ledgerOn(await pool.getConnection(), type),
      close: () => pool.end(),
    };
  },
});

const LOCK_WAIT_TIMEOUT = 1205;

function ifLocked(error) {
  if (error.errno !== LOCK_WAIT_TIMEOUT) throw error;
}

const insert = (connection, type, list, now = NOW) =>
  connection.query(
    `INSERT INTO tbl_redotask ${COLUMNS} VALUES ${list.map(() => `('bench', ?, 10, '0', ?, ${now}, ${now})`).join(', ')}`,
    list.flatMap((params) => [type, JSON.stringify({ params })]),
  );

/** Known ahead, since the server takes longer to work it out for each of many rows than to write them. */
async function timeOf(connection) {
  const [[{ now }]] = await connection.query(`SELECT ${NOW} AS now`);
  return now;
}

export async function ledgerOn(connection, type) {
  await connection.query('SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED');
  await connection.query(
    `INSERT IGNORE INTO tbl_pessimistic_lock (resource, description) VALUES ('by-hand', 'by hand')`,
  );
  const rows = async (text, values) => (await connection.query(text, values))[0];
  const [{ version }] = await rows('SELECT VERSION() AS version');
  const isMariadb = version.includes('MariaDB');
  return {
    register: (id) =>
      rows(
        `INSERT INTO tbl_redo_worker (id, application_name, host, pid, start_time, lease_until, handlers, held, running)
         VALUES (?, 'bench', 'here', ?, ${NOW}, ${NOW} + 30000, '["bench"]', '{}', '{}')`,
        [id, process.pid],
      ),
    begin: () => rows('START TRANSACTION'),
    commit: () => rows('COMMIT'),
    rollback: () => rows('ROLLBACK'),
    lock: async () =>
      (await rows(`SELECT id FROM tbl_pessimistic_lock WHERE resource = 'by-hand' FOR UPDATE SKIP LOCKED`))
        .length > 0,
    workers: () =>
      rows(
        `SELECT id, lease_until, held, running, ${NOW} AS now FROM tbl_redo_worker WHERE application_name = 'bench'`,
      ),
    due: (most) =>
      rows(
        `SELECT id FROM tbl_redotask
         WHERE application_name = 'bench' AND status = 'PENDING' AND redo_task_id = ? AND next_exec_time <= ${NOW}
         ORDER BY next_exec_time, id LIMIT ?`,
        [type, most],
      ),
    writeOwnRow: async (id, running) =>
      (
        await rows(`UPDATE tbl_redo_worker SET running = ?, lease_until = ${NOW} + 30000 WHERE id = ?`, [
          running,
          id,
        ])
      ).affectedRows,
    read(ids) {
      const [tasks, values] = visiting(ids);
      return rows(
        `SELECT task.id, redo_task_id, exec_times, max_attempts, req_param, expire_time, errors FROM ${tasks}`,
        values,
      );
    },
    lockFree(ids) {
      const [tasks, values] = visiting(ids);
      return rows(
        `SELECT task.id, status, exec_times FROM ${tasks} FOR UPDATE /*!80000 OF task */ SKIP LOCKED`,
        values,
      );
    },
    insert: async (params) => (await insert(connection, type, [params]))[0].insertId,
    async removeFree(ids, isBet) {
      const [tasks, values] = visiting(ids);
      if (isMariadb && isBet) {
        const removing = rows(
          `SET STATEMENT innodb_lock_wait_timeout = 0 FOR DELETE task FROM ${tasks}`,
          values,
        );
        const affected = await removing.then(({ affectedRows }) => affectedRows, ifLocked);
        return affected === ids.length ? ids : undefined;
      }
      const free = (await this.lockFree(ids)).map(({ id }) => Number(id));
      // MySQL may make a scan of the whole table of a range, which would wait for what other processes have locked.
      if (free.length > 0) await rows(`DELETE task FROM ${TASKS_BY_ID}`, [JSON.stringify(free)]);
      return free;
    },
    putOff: (failed) =>
      rows(
        `UPDATE JSON_TABLE(?, '$[*]' COLUMNS (
                  place FOR ORDINALITY,
                  wanted_id BIGINT PATH '$[0]',
                  new_exec_times BIGINT PATH '$[1]')) AS wanted
                STRAIGHT_JOIN tbl_redotask AS task FORCE INDEX (PRIMARY) ON task.id = wanted.wanted_id
         SET exec_times = new_exec_times, errors = ELT(place, ${failed.map(() => '?').join(', ')}),
             next_exec_time = LEAST(${NOW} + 1, GREATEST(COALESCE(expire_time, ${NOW} + 1), ${NOW}))`,
        [
          JSON.stringify(failed.map(({ id, exec_times }) => [id, exec_times])),
          ...failed.map(({ errors }) => errors),
        ],
      ),
    async leave(id) {
      await rows('DELETE FROM tbl_redo_worker WHERE id = ?', [id]);
      connection.release();
    },
  };
}
