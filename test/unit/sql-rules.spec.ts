import { describe, expect, test } from '@jest/globals';
import { Linter } from 'eslint';

interface Rule {
  readonly selector: string;
  readonly message: string;
}

/** Outside of what is compiled, and without types. */
const CONFIG: string = '../../../eslint.config.js';
const config = (await import(CONFIG)) as {
  SQL_RULES: Rule[];
  DRIVER_RULES: Rule[];
};
const complaints = (code: string) =>
  new Linter()
    .verify(code, {
      rules: { 'no-restricted-syntax': ['error', ...config.SQL_RULES, ...config.DRIVER_RULES] },
    })
    .map(({ message }) => message);

describe('the linter refuses in lib', () => {
  test.each([
    'const s = `SELECT * FROM t WHERE id = ${id}`',
    'const s = `DELETE FROM t`',
    "const s = 'SELECT * FROM t WHERE id = ' + id",
    "const s = 'UPDATE t SET a = 1 ' + where + ' AND b'",
    'const s = sql(strings, id)',
    "runner.query('SELECT 1')",
    'handle.exec(text)',
    "manager.createQueryBuilder().where('id = ' + id)",
  ])('%s', (code) => {
    expect(complaints(code).length).toBeGreaterThan(0);
  });

  test.each([
    'const s = sql`SELECT * FROM t WHERE id = ${id}`',
    'const s = sql`SELECT * FROM t WHERE ${joined(where, " AND ")}`',
    'const message = `task ${id} from the start`',
  ])('but not %s', (code) => {
    expect(complaints(code)).toEqual([]);
  });
});
