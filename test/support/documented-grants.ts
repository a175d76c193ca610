import { readFile } from 'node:fs/promises';
import { type DatabaseKind } from './test-run.js';

/** Whom the lines are about in SECURITY.md. */
export type DocumentedAccount = 'order_service' | 'migrator';

/** The GRANTs of SECURITY.md for this account, made out to another one and for another schema. */
export async function documentedGrants(
  kind: DatabaseKind,
  documented: DocumentedAccount,
  { schema, account }: { schema: string; account: string },
): Promise<string[]> {
  const text = await readFile(new URL('../../../SECURITY.md', import.meta.url), 'utf8');
  const blocks = [...text.matchAll(/```sql\n([^]*?)```/g)].map(([, block]) => block!);
  const isMysql = kind !== 'postgres';
  const grants = blocks
    .flatMap((block) => block.replace(/^\s*--.*$/gm, '').split(';'))
    .map((statement) => statement.trim())
    .filter((statement) => new RegExp(`TO '?${documented}\\b`).test(statement))
    .filter((statement) => /TO '/.test(statement) === isMysql);
  if (grants.length === 0) throw new Error(`SECURITY.md grants nothing to ${documented} on ${kind}`);
  const person = isMysql ? `'${documented}'@'%'` : documented;
  return grants.map((grant) => grant.replaceAll('shop', schema).replaceAll(person, account));
}
