import { type DatabaseKind } from '../../support/test-run.js';
import { type TestDatabase } from '../../support/test-database.js';

/** What a person can do on a server that the tests' own support does not: it differs between servers. */
export interface ServerOperator {
  /** Ends the client's connection that the server sees come from this local port; false: there is none. */
  killConnection(port: number): Promise<boolean>;
}

interface OperatorSql {
  /** The server's id of the connection from a port. */
  readonly find: string;
  /** How it is ended. */
  readonly kill: (id: number) => string;
}

const mysqlFamily: OperatorSql = {
  find: `SELECT id FROM information_schema.processlist WHERE host LIKE CONCAT('%:', ?)`,
  kill: (id) => `KILL CONNECTION ${id}`,
};

const OPERATOR_SQL: Readonly<Partial<Record<DatabaseKind, OperatorSql>>> = {
  mysql: mysqlFamily,
  mariadb: mysqlFamily,
};

export function operatorOf(database: TestDatabase): ServerOperator | undefined {
  const sql = OPERATOR_SQL[database.kind];
  if (!sql) return undefined;
  return {
    async killConnection(port) {
      const [found] = await database.query<{ id: number | string }>(sql.find, [port]);
      if (!found) return false;
      await database.query(sql.kill(Number(found.id)));
      return true;
    },
  };
}
