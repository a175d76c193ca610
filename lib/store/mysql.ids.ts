import { type Run, runsOf } from './runs.js';
import { inChunks, joined, list, sql, type SqlValue, type Statement } from './sql.js';

/** MariaDB makes a table of a list of 1,000, and may then read all rows to look each of them up there. */
const LONGEST_LIST = 500;
/** Fewer ids in a row than this are looked up one by one: a small table is then not read as a whole in their place. */
const SHORTEST_RUN = 100;

/** Whether a column holds one of these values. */
export function isAmong(column: Statement, values: readonly SqlValue[]): Statement {
  const lists = [...inChunks(values, LONGEST_LIST)].map((some) => sql`${column} IN (${list(some)})`);
  return sql`(${joined(lists, ' OR ')})`;
}

/** Whether a task's id is one of these; those in a row are one range, read in half the time. */
export function idIsAmong(ids: readonly number[]): Statement {
  const { runs, others } = parted(ids);
  if (runs.length === 0) return isAmong(sql`id`, ids);
  if (others.length === 0) return isInRuns(sql`id`, runs);
  return sql`(${joined([isInRuns(sql`id`, runs), isAmong(sql`id`, others)], ' OR ')})`;
}

/**
 * Tasks by their ids, as tables to select from: those in a row as ranges of the primary key, the others looked up. For statements that
 * lock and pass over what is locked, never for others: while most of a table is being deleted MySQL takes all of it for less than a
 * range, whatever it is told, and whoever waits would wait for strangers' rows.
 */
export function inRunsOrLookedUp(ids: readonly number[]): Statement[] {
  const { runs, others } = parted(ids);
  return [
    ...(runs.length > 0
      ? [sql`tbl_redotask AS task FORCE INDEX (PRIMARY) WHERE ${isInRuns(sql`task.id`, runs)}`]
      : []),
    ...(others.length > 0 ? [lookedUp(others)] : []),
  ];
}

/**
 * Tasks by their ids, each looked up by itself, by a join with a list. `WHERE id IN (…)` on a small table is a full scan, and a scanning
 * DELETE waits for rows that other transactions have just inserted, a scanning lock keeps them from inserting.
 */
export const lookedUp = (ids: readonly number[]): Statement => sql`
  JSON_TABLE(${JSON.stringify(ids)}, '$[*]' COLUMNS (wanted_id BIGINT PATH '$')) AS wanted
  STRAIGHT_JOIN tbl_redotask AS task FORCE INDEX (PRIMARY) ON task.id = wanted.wanted_id`;

/** A range reads, and locks, the row that comes after it: so it ends before the last of the run, which is looked up by itself. */
const isInRuns = (id: Statement, runs: readonly Run[]): Statement =>
  sql`(${joined(
    runs.map(([first, last]) => sql`${id} BETWEEN ${first} AND ${last - 1} OR ${id} = ${last}`),
    ' OR ',
  )})`;

function parted(ids: readonly number[]): { runs: Run[]; others: readonly number[] } {
  if (ids.length < SHORTEST_RUN) return { runs: [], others: ids };
  const isLong = ([first, last]: Run) => last - first + 1 >= SHORTEST_RUN;
  const all = runsOf(ids);
  const others = all
    .filter((run) => !isLong(run))
    .flatMap(([first, last]) => Array.from({ length: last - first + 1 }, (_, index) => first + index));
  return { runs: all.filter(isLong), others };
}
