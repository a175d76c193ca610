import { describe, expect, test } from '@jest/globals';
import { postgresDialect } from '../../lib/store/postgres.dialect.js';

/** As TypeORM throws what `pg` threw. */
const wrapped = (driverError: object) => ({ driverError });
const fromServer = (code: string, severity = 'ERROR') => wrapped({ code, severity });
const fromDriver = (code?: string) => wrapped(Object.assign(new Error('lost'), { code }));

describe('what PostgreSQL’s errors mean', () => {
  test.each([
    ['a unique key', '23505'],
    ['a trigger’s exception', 'P0001'],
    ['a text with NUL', '22021'],
    ['a deadlock', '40P01'],
    ['a lock time-out', '55P03'],
    ['a statement time-out, or a cancelled one', '57014'],
  ])('%s (%s): the statement surely did not happen', (_, code) => {
    expect(postgresDialect.isRefused(fromServer(code))).toBe(true);
  });

  test.each([
    ['a shut-down', fromServer('57P01', 'FATAL')],
    ['a crash', fromServer('57P02', 'FATAL')],
    ['a server that starts', fromServer('57P03', 'FATAL')],
    ['a connection failure', fromServer('08006', 'FATAL')],
    ['a session ended in its transaction', fromServer('25P03', 'FATAL')],
    ['a reset connection', fromDriver('ECONNRESET')],
    // As long as an SQLSTATE.
    ['a broken pipe', fromDriver('EPIPE')],
    ['an end without a word', fromDriver()],
    ['an error of ours', new Error('no')],
    ['nothing', undefined],
  ])('%s: it may have happened', (_, error) => {
    expect(postgresDialect.isRefused(error)).toBe(false);
    expect(postgresDialect.isRolledBack(error)).toBe(false);
  });

  test.each(['40P01', '40001', '55P03', '57014'])('%s: it may be tried again', (code) => {
    expect(postgresDialect.isRolledBack(fromServer(code))).toBe(true);
  });

  test('a missing table', () => {
    expect(postgresDialect.isMissingTable(fromServer('42P01'))).toBe(true);
    expect(postgresDialect.isMissingTable(fromServer('42703'))).toBe(false);
  });
});
