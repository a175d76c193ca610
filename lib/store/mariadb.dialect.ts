import { INSERTED_COLUMNS, type InsertedRow, type ServerDialect } from './dialect.js';
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
      const [added, unmarked] = yield* rows<readonly unknown[]>(sql`
        BEGIN NOT ATOMIC
          START TRANSACTION;
          ${insertion(mysqlDialect.now)} RETURNING ${INSERTED_COLUMNS};
          ${mark(running)};
          IF ROW_COUNT() = 0 THEN SELECT 0 AS marked; END IF;
          COMMIT;
        END`);
      const [row] = added as readonly [InsertedRow];
      return { ...row, marked: Array.isArray(unmarked) ? 0 : 1 };
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
