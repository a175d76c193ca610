import type { InsertedAndMarked, ServerDialect } from './dialect.js';
import { mysqlDialect } from './mysql.dialect.js';
import { sql } from './sql.js';
import { rows, type Work } from './work.js';

/** MariaDB 10.6 and later, where TypeORM was told that it is one. */
export const mariadbDialect: ServerDialect = {
  ...mysqlDialect,
  name: 'mariadb',
  insertAndMark: function* (insertion, mark, [before, after]) {
    const running = sql`CONCAT(${before}, LAST_INSERT_ID(), ${after})`;
    try {
      const [[told] = []] = yield* rows<readonly InsertedAndMarked[]>(sql`
        BEGIN NOT ATOMIC
          DECLARE redo_now BIGINT DEFAULT ${mysqlDialect.now};
          SET TRANSACTION ISOLATION LEVEL READ COMMITTED;
          START TRANSACTION;
          ${insertion(sql`redo_now`)};
          ${mark(running)};
          SELECT LAST_INSERT_ID() AS id, redo_now AS add_time, ROW_COUNT() AS marked;
          COMMIT;
        END`);
      return told as InsertedAndMarked;
    } catch (error) {
      yield* rolledBack();
      throw error;
    }
  },
};

/** What failed in its midst has left the transaction open. */
function* rolledBack(): Work<void> {
  try {
    yield sql`ROLLBACK`;
  } catch {
    // The connection is lost, and the transaction with it.
  }
}
