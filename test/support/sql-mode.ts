import mysql, { type PoolOptions } from 'mysql2';
import { type DatabaseKind } from './test-run.js';
import { type ExtraOptions } from './test-database.js';

const IN_MYSQL = ['NO_BACKSLASH_ESCAPES', 'ANSI,TRADITIONAL,NO_BACKSLASH_ESCAPES', ''];

/** Ways in which a session may read a statement's text, beside the server's own. */
export const SQL_MODES: Readonly<Partial<Record<DatabaseKind, readonly string[]>>> = {
  mysql: IN_MYSQL,
  mariadb: IN_MYSQL,
};

/** To be laid over a data source's options: each of its connections begins by setting this `sql_mode`. */
export const inSqlMode = (mode: string): ExtraOptions =>
  ({
    driver: {
      ...mysql,
      createPool(options: PoolOptions) {
        const pool = mysql.createPool(options);
        pool.on('connection', (connection) => {
          // First in the connection's queue, before whatever it was made for.
          connection.query('SET SESSION sql_mode = ?', [mode]);
        });
        return pool;
      },
    },
  }) as ExtraOptions;
