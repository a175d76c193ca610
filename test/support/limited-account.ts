import { randomBytes } from 'node:crypto';
import { type DocumentedAccount, documentedGrants } from './documented-grants.js';
import { type ExtraOptions, type TestDatabase } from './test-database.js';

/** An account that may do in one schema what SECURITY.md grants, and nothing else. */
export interface LimitedAccount {
  /** To be laid over a data source's options. */
  readonly options: ExtraOptions;
  drop(): Promise<void>;
}

const PASSWORD = 'let-me-in-7';

export async function createAccount(
  database: TestDatabase,
  documented: DocumentedAccount,
): Promise<LimitedAccount> {
  const { kind } = database;
  const name = `redo_${documented.slice(0, 5)}_${randomBytes(4).toString('hex')}`;
  const schema = String(database.options().database);
  const isPostgres = kind === 'postgres';
  const account = isPostgres ? name : `'${name}'@'${await clientHost(database)}'`;
  await database.query(
    isPostgres
      ? `CREATE ROLE ${account} LOGIN PASSWORD '${PASSWORD}'`
      : `CREATE USER ${account} IDENTIFIED BY '${PASSWORD}'`,
  );
  for (const grant of await documentedGrants(kind, documented, { schema, account }))
    await database.query(grant);
  return {
    options: { username: name, password: PASSWORD } as ExtraOptions,
    drop: async () => {
      const goodbye = isPostgres
        ? [`DROP OWNED BY ${account}`, `DROP ROLE ${account}`]
        : [`DROP USER ${account}`];
      for (const sql of goodbye) await database.query(sql);
    },
  };
}

/** Where the server sees us: an anonymous account of that host would go before one of any host. */
async function clientHost(database: TestDatabase): Promise<string> {
  const [row] = await database.query<{ host: string }>(`SELECT SUBSTRING_INDEX(USER(), '@', -1) AS host`);
  return row!.host;
}
