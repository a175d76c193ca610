import { type LoggedStatement } from './statement-log.js';
import { type TestDatabase } from './test-database.js';
import { type DatabaseKind } from './test-run.js';

/** Tells the server what is in the tables, so that its plans are those of a table that has been there for a while. */
export async function analyze(schema: TestDatabase): Promise<void> {
  for (const table of ['tbl_redotask', 'tbl_redo_worker', 'tbl_redo_pause', 'tbl_pessimistic_lock'])
    await schema.query(schema.kind === 'postgres' ? `VACUUM ANALYZE ${table}` : `ANALYZE TABLE ${table}`);
}

/** Tells PostgreSQL that there are no tasks, as when VACUUM or ANALYZE came by while all were done. Other servers estimate by themselves. */
export async function takeTasksForGone(schema: TestDatabase): Promise<void> {
  // What ANALYZE has counted outlives the ROLLBACK.
  await schema.query('BEGIN; DELETE FROM tbl_redotask; ANALYZE tbl_redotask; ROLLBACK');
  const [counted] = await schema.query<{ rows: number; pages: number }>(
    `SELECT reltuples AS rows, relpages AS pages FROM pg_class WHERE oid = to_regclass('tbl_redotask')`,
  );
  if (counted?.rows !== 0 || counted.pages === 0)
    throw new Error(`PostgreSQL still counts ${JSON.stringify(counted)}`);
}

/** What a statement would do without an index, or by sorting. */
export function stepsPastIndexes(schema: TestDatabase, statement: LoggedStatement): Promise<unknown[]> {
  return PAST_INDEXES[schema.kind](schema, statement);
}

const PAST_INDEXES: Readonly<
  Record<DatabaseKind, (schema: TestDatabase, statement: LoggedStatement) => Promise<unknown[]>>
> = { sqlite: ofSqlite, mariadb: ofMysql, mysql: ofMysql, postgres: ofPostgres };

async function ofSqlite(schema: TestDatabase, statement: LoggedStatement): Promise<string[]> {
  const steps = await sqlitePlan(schema, statement);
  return steps.filter((step) => /^SCAN (?!CONSTANT ROW|\(subquery)|USE TEMP B-TREE/.test(step));
}

/** A statement's steps in SQLite's words. */
export async function sqlitePlan(schema: TestDatabase, { text, values }: LoggedStatement): Promise<string[]> {
  const steps = await schema.query<{ detail: string }>(`EXPLAIN QUERY PLAN ${text}`, values);
  return steps.map(({ detail }) => detail);
}

/** One table's part in a statement, as EXPLAIN's table of rows has it. */
interface Step {
  readonly select_type: string;
  readonly table: string | null;
  readonly type: string | null;
  readonly key: string | null;
  readonly Extra: string | null;
}

const BY_INDEX = ['const', 'eq_ref', 'ref', 'range'];

async function ofMysql(schema: TestDatabase, { text, values }: LoggedStatement): Promise<Step[]> {
  // MySQL since 8.3 gives rows only when asked to.
  const format = schema.kind === 'mysql' ? 'FORMAT=TRADITIONAL' : '';
  const steps = await schema.query<Step>(`EXPLAIN ${format} ${text}`, values);
  return steps.filter(
    ({ table, type, Extra, key }) =>
      // Neither a constant nor the table in which a UNION gathers its results.
      table !== null &&
      !/^<union/.test(table) &&
      // A list of ids.
      table !== 'wanted' &&
      // EXPLAIN found that there is nothing to do (no such rows, all ids are gone).
      !/^(no matching row|Impossible|Deleting all|Select tables optimized)/i.test(Extra ?? '') &&
      (!BY_INDEX.includes(type ?? '') || !key || /filesort/i.test(Extra ?? '')),
  );
}

/** A node of PostgreSQL's plan. */
interface PlanNode {
  readonly 'Node Type': string;
  readonly 'Relation Name'?: string;
  readonly 'Index Name'?: string;
  readonly 'Index Cond'?: string;
  readonly Filter?: string;
  readonly Plans?: readonly PlanNode[];
}

async function ofPostgres(schema: TestDatabase, statement: LoggedStatement): Promise<PlanNode[]> {
  const nodes = await postgresPlan(schema, statement);
  return nodes.filter((node) => /Sort/.test(node['Node Type']) || isWholeScan(node));
}

/** Where PostgreSQL reads a table or an index from end to end; a few rows that it finds and sorts are no harm. */
export async function wholeScansOfPostgres(
  schema: TestDatabase,
  statement: LoggedStatement,
): Promise<PlanNode[]> {
  return (await postgresPlan(schema, statement)).filter(isWholeScan);
}

async function postgresPlan(schema: TestDatabase, { text, values }: LoggedStatement): Promise<PlanNode[]> {
  const [row] = await schema.query<{ 'QUERY PLAN': { Plan: PlanNode }[] }>(
    `EXPLAIN (FORMAT JSON) ${text}`,
    values,
  );
  return nodesOf(row!['QUERY PLAN'][0]!.Plan);
}

const nodesOf = (node: PlanNode): PlanNode[] => [node, ...(node.Plans ?? []).flatMap(nodesOf)];

const isWholeScan = (node: PlanNode) =>
  /Seq Scan/.test(node['Node Type']) ||
  (/^Index|^Bitmap Index/.test(node['Node Type']) && !narrowsItsIndex(node));

const narrowsItsIndex = ({ 'Index Name': index, 'Index Cond': condition = '' }: PlanNode) =>
  index === 'idx_redotask_due' ? /application_name\)?(::text)? = /.test(condition) : condition !== '';
