import { type DataSource, type QueryRunner } from 'typeorm';
import { headOf } from './statement-head.js';
import { type DatabaseKind } from './test-run.js';
import { asReadBy } from './version-comments.js';

/** One statement that was sent, and how many entries of indexes and tables the server read for it. */
export interface Reading {
  readonly head: string;
  readonly read: number;
}

/** Asks something on the connection that is measured. */
type Ask = <Row>(text: string, values?: readonly unknown[]) => Promise<readonly Row[]>;
/** A statement that is about to be sent. */
interface Sending {
  readonly text: string;
  readonly values: readonly unknown[];
  readonly inTransaction: boolean;
  readonly send: () => Promise<void>;
}
/** Sends a statement and counts what is read for it. */
type Meter = (ask: Ask, sending: Sending) => Promise<number>;

/**
 * Measures each statement on a table at the moment when it is sent, on the connection that sends it: what others read on the
 * server beside it does not count. For servers: SQLite's drivers don't tell.
 */
export function noteRowsRead(dataSource: DataSource): Reading[] {
  const readings: Reading[] = [];
  const kind = dataSource.options.type as DatabaseKind;
  const meter = kind === 'postgres' ? onPostgres : onMysql;
  const create = dataSource.createQueryRunner.bind(dataSource);
  dataSource.createQueryRunner = (mode) => {
    const runner = create(mode);
    const note = (text: string, read: number) => readings.push({ head: headOf(asReadBy(kind, text)), read });
    runner.query = measured(runner, meter, note);
    return runner;
  };
  return readings;
}

function measured(
  runner: QueryRunner,
  meter: Meter,
  note: (text: string, read: number) => void,
): QueryRunner['query'] {
  const query = runner.query.bind(runner) as (...args: unknown[]) => Promise<unknown>;
  const ask: Ask = async (text, values = []) => (await query(text, [...values])) as [];
  const measuredQuery = async (text: string, values: readonly unknown[] = [], ...rest: unknown[]) => {
    let answer: unknown;
    const send = async () => void (answer = await query(text, values, ...rest));
    if (/\btbl_/.test(text)) {
      const read = await meter(ask, { text, values, inTransaction: runner.isTransactionActive, send });
      note(text, read);
    } else await send();
    return answer;
  };
  return measuredQuery as QueryRunner['query'];
}

/** The session's own counters, which asking for them moves too: that much is taken off. */
const onMysql: Meter = async (ask, { send }) => {
  const counted = async () => {
    const rows = await ask<{ Value: string }>(`SHOW SESSION STATUS LIKE 'Handler\\_read\\_%'`);
    return rows.reduce((sum, { Value }) => sum + Number(Value), 0);
  };
  const before = await counted();
  const asking = (await counted()) - before;
  const from = before + asking;
  await send();
  return (await counted()) - from - asking;
};

/** Done once more than asked for, and that one undone. */
const onPostgres: Meter = async (ask, { text, values, inTransaction, send }) => {
  const [begin, undo] = inTransaction
    ? ['SAVEPOINT measuring', 'ROLLBACK TO SAVEPOINT measuring']
    : ['BEGIN', 'ROLLBACK'];
  await ask(begin);
  const [row] = await ask<{ 'QUERY PLAN': readonly [{ readonly Plan: PlanNode }] }>(
    `EXPLAIN (ANALYZE, FORMAT JSON) ${text}`,
    values,
  );
  await ask(undo);
  await send();
  return readBy(row!['QUERY PLAN'][0].Plan);
};

/** A node of PostgreSQL's plan, as it went; numbers of rows are means of its loops. */
interface PlanNode {
  readonly 'Node Type': string;
  readonly 'Relation Name'?: string;
  readonly 'Actual Rows': number;
  readonly 'Actual Loops': number;
  readonly 'Rows Removed by Filter'?: number;
  readonly 'Rows Removed by Index Recheck'?: number;
  readonly Plans?: readonly PlanNode[];
}

function readBy(node: PlanNode): number {
  const { Plans = [], 'Actual Loops': loops } = node;
  const isScan = /Scan$/.test(node['Node Type']) && node['Relation Name'] !== undefined;
  const rows =
    node['Actual Rows'] +
    (node['Rows Removed by Filter'] ?? 0) +
    (node['Rows Removed by Index Recheck'] ?? 0);
  return (isScan ? rows * loops : 0) + Plans.reduce((sum, plan) => sum + readBy(plan), 0);
}
