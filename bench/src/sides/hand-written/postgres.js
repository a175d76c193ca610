import pg from 'pg';
import ours from '../nestjs-redo.js';
import { handWritten } from './side.js';

/** The statement's own time: clock_timestamp() moves while it runs, so that no range of the index of due tasks could end at it. */
const NOW = `floor(extract(epoch from statement_timestamp()) * 1000)::bigint`;
const COLUMNS =
  '(application_name, redo_task_id, max_attempts, try_forever, req_param, add_time, next_exec_time)';

/** pg alone, on the library's own tables. */
export default handWritten({
  name: 'pg by hand',
  package: 'pg',
  stores: ['postgres'],
  prepare: ours.prepare,

  connect({ url, settings }) {
    const pool = new pg.Pool({ connectionString: url, max: settings.connections ?? 10 });
    return {
      add: (params, type) => insert(pool, type, [params]),
      addAll: (list, type) => insert(pool, type, list),
      async addInTransaction(params, type) {
        const connection = await pool.connect();
        await connection.query('BEGIN');
        await connection.query('INSERT INTO bench_order (id) VALUES (1)');
        await insert(connection, type, [params]);
        await connection.query('COMMIT');
        connection.release();
      },
      async left(type) {
        const { rowCount } = await pool.query(
          `SELECT 1 FROM tbl_redotask WHERE application_name = 'bench' AND status = 'PENDING' AND redo_task_id = $1
           AND next_exec_time <= $2 LIMIT 1`,
          [type, Date.now()],
        );
        return rowCount > 0;
      },
      ledger: async (type) => ledgerOn(await pool.connect(), type),
      close: () => pool.end(),
    };
  },
});

const insert = (connection, type, list, returning = '') =>
  connection.query(
    `INSERT INTO tbl_redotask ${COLUMNS}
     SELECT 'bench', $1, 10, '0', req_param, ${NOW}, ${NOW} FROM unnest($2::text[]) AS req_param ${returning}`,
    [type, list.map((params) => JSON.stringify({ params }))],
  );

/** By way of a subselect, or PostgreSQL reads the whole of a table that nobody has analyzed yet. */
const IS_AMONG = 'id = ANY (ARRAY(SELECT unnest($1::bigint[])))';

async function ledgerOn(connection, type) {
  await connection.query(
    `INSERT INTO tbl_pessimistic_lock (resource, description) VALUES ('by-hand', 'by hand') ON CONFLICT DO NOTHING`,
  );
  const rows = async (text, values) => (await connection.query(text, values)).rows;
  return {
    register: (id) =>
      rows(
        `INSERT INTO tbl_redo_worker (id, application_name, host, pid, start_time, lease_until, handlers, held, running)
         VALUES ($1, 'bench', 'here', $2, ${NOW}, ${NOW} + 30000, '["bench"]', '{}', '{}')`,
        [id, process.pid],
      ),
    begin: () => rows('BEGIN'),
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
         WHERE application_name = 'bench' AND status = 'PENDING' AND redo_task_id = $1 AND next_exec_time <= ${NOW}
         ORDER BY next_exec_time, id + 0 LIMIT $2`,
        [type, most],
      ),
    writeOwnRow: async (id, running) =>
      (
        await connection.query(
          `UPDATE tbl_redo_worker SET running = $1, lease_until = ${NOW} + 30000 WHERE id = $2`,
          [running, id],
        )
      ).rowCount,
    read: (ids) =>
      rows(
        `SELECT id, redo_task_id, exec_times, max_attempts, req_param, expire_time, errors
         FROM tbl_redotask WHERE ${IS_AMONG}`,
        [ids],
      ),
    lockFree: (ids) =>
      rows(
        `SELECT id, status, exec_times FROM tbl_redotask WHERE ${IS_AMONG} ORDER BY id FOR UPDATE SKIP LOCKED`,
        [ids],
      ),
    insert: async (params) => Number((await insert(connection, type, [params], 'RETURNING id')).rows[0].id),
    removeFree: async (ids) =>
      (
        await rows(
          `DELETE FROM tbl_redotask
           WHERE id = ANY (ARRAY(SELECT id FROM tbl_redotask WHERE ${IS_AMONG} ORDER BY id FOR UPDATE SKIP LOCKED))
           RETURNING id`,
          [ids],
        )
      ).map(({ id }) => Number(id)),
    putOff: (failed) =>
      rows(
        `UPDATE tbl_redotask AS task
         SET exec_times = wanted.exec_times, errors = wanted.errors,
             next_exec_time = LEAST(${NOW} + 1, GREATEST(COALESCE(expire_time, ${NOW} + 1), ${NOW}))
         FROM ROWS FROM (unnest($1::bigint[]), unnest($2::bigint[]), json_array_elements_text($3::json))
                AS wanted (id, exec_times, errors)
         WHERE task.id = wanted.id AND task.${IS_AMONG}`,
        [
          failed.map(({ id }) => id),
          failed.map(({ exec_times }) => exec_times),
          JSON.stringify(failed.map(({ errors }) => errors)),
        ],
      ),
    async leave(id) {
      await rows('DELETE FROM tbl_redo_worker WHERE id = $1', [id]);
      connection.release();
    },
  };
}
