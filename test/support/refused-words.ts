import { type TestDatabase } from './test-database.js';

/** What the database itself does not let in. */
export interface RefusedWord {
  readonly on: 'INSERT' | 'UPDATE';
  readonly word: string;
  /** Of `tbl_redotask`. */
  readonly in: readonly string[];
  /** How the database puts it. */
  readonly message: string;
}

/**
 * Lets the database refuse task rows with this word in any of these columns.
 *
 * @returns lets it take them again
 */
export async function refuseWord(
  schema: TestDatabase,
  { on, word, in: columns, message }: RefusedWord,
): Promise<() => Promise<void>> {
  const found = columns.map((column) => `COALESCE(NEW.${column}, '') LIKE '%${word}%'`).join(' OR ');
  const before = `CREATE TRIGGER refusing BEFORE ${on} ON tbl_redotask`;
  const perform = async (statements: readonly string[]) => {
    for (const sql of statements) await schema.query(sql);
  };
  switch (schema.kind) {
    case 'sqlite':
      await perform([`${before} WHEN ${found} BEGIN SELECT RAISE(ABORT, '${message}'); END`]);
      return () => perform(['DROP TRIGGER refusing']);
    case 'postgres':
      await perform([
        `CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION '${message}'; END $$`,
        `${before} FOR EACH ROW WHEN (${found}) EXECUTE FUNCTION refuse()`,
      ]);
      return () => perform(['DROP TRIGGER refusing ON tbl_redotask', 'DROP FUNCTION refuse']);
    case 'mariadb':
    case 'mysql':
      await perform([
        `${before} FOR EACH ROW IF ${found} THEN SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = '${message}'; END IF`,
      ]);
      return () => perform(['DROP TRIGGER refusing']);
  }
}
