import type { ServerDialect } from './dialect.js';
import { mysqlDialect } from './mysql.dialect.js';
import { sql } from './sql.js';
import { type Row, rows, type Work } from './work.js';

/** MariaDB 10.6 and later, where TypeORM was told that it is one. */
export const mariadbDialect: ServerDialect = {
  ...mysqlDialect,
  name: 'mariadb',
  insertAndMark: function* (insertion, wanted, mark, [before, after]) {
    const running = sql`CONCAT(${before}, LAST_INSERT_ID(), ${after})`;
    try {
      const [[row] = []] = yield* rows<readonly Row[]>(sql`
        BEGIN NOT ATOMIC
          SET TRANSACTION ISOLATION LEVEL READ COMMITTED;
          START TRANSACTION;
          ${insertion};
          ${mark(running)};
          SELECT ${wanted}, ROW_COUNT() AS marked FROM tbl_redotask WHERE id = LAST_INSERT_ID();
          COMMIT;
        END`);
      return row as Row;
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
