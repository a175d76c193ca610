import { DATABASE_KINDS, type DatabaseKind } from './test-run.js';

/** Whether nobody watches this run, so that nothing may be left out of it. */
export function isCi(env = process.env): boolean {
  return !!env['CI'] && env['CI'] !== 'false';
}

/** The databases to test on: all, or those that `REDO_DATABASES=sqlite,mariadb` names. */
export function wantedDatabases(env = process.env): readonly DatabaseKind[] {
  const given = env['REDO_DATABASES'];
  if (!given) return DATABASE_KINDS;
  if (isCi(env)) throw new Error('REDO_DATABASES leaves databases out, which a run with CI set must not do');

  const names = given.split(',').map((name) => name.trim());
  for (const name of names) {
    if (!(DATABASE_KINDS as readonly string[]).includes(name)) {
      throw new Error(`REDO_DATABASES names "${name}"; known are ${DATABASE_KINDS.join(', ')}`);
    }
  }
  return DATABASE_KINDS.filter((kind) => names.includes(kind));
}
