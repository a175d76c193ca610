import type { Dialect, WantedOfType } from './dialect.js';
import type { Place } from './place.js';
import type { Run } from './runs.js';
import { inChunks, joined, nothing, sql, type Statement } from './sql.js';
import { rows, type Work } from './work.js';

/** What a look shows of a worker: its ids are decoded by whoever needs them, and then all at once. */
export interface SeenWorker {
  readonly id: string;
  /** ms until its lease runs out; below 0: it has. */
  readonly leaseLeft: number;
  /** How often somebody had knocked at it. */
  readonly knocks: number;
  readonly held: string | null;
  readonly running: string | null;
  /** How far its last claim beside others came. */
  readonly reached: string | null;
}

/** The backlog and the ledger at one moment. */
export interface Sight {
  /** The database's clock, epoch ms. */
  readonly now: number;
  readonly workers: readonly SeenWorker[];
  readonly paused: ReadonlySet<string>;
  /** By type, the longest due first. */
  readonly due: ReadonlyMap<string, readonly DueTask[]>;
}

/** What a look asks for. */
export interface Wanted {
  /** Task type → how many ids at most. */
  readonly perType: ReadonlyMap<string, number>;
  /** Task type → nothing that comes before it or is it is looked for; a type that is not here: everything is. */
  readonly after: ReadonlyMap<string, Place>;
  /** Ids that are not looked for. */
  readonly leftOut?: readonly Run[];
}

export interface DueTask extends Place {
  readonly redoTaskId: string;
  readonly expired: boolean;
}

/** SQLite takes 500 members of a UNION. */
const MOST_TYPES = 100;

/**
 * The one question of an idle instance, and, asked again under the lock row, the claim: who lives, what is paused, what
 * is due. One statement, so all of it is of one moment (with more than 100 types: the ledger first, so that what is due and
 * not in it is free).
 */
export function* look(
  dialect: Dialect,
  applicationName: string,
  { perType, after, leftOut = [] }: Wanted,
): Work<Sight> {
  const wanted = [...perType].map(([type, most]) => ({ type, most, after: after.get(type) }));
  const { wantedTable } = dialect;
  const arms =
    wantedTable && wanted.length > 0
      ? [dueArmOfAll(dialect, applicationName, wantedTable(wanted), leftOut)]
      : wanted.map((each) => dueArm(dialect, applicationName, each, leftOut));
  const [first = [], ...others] = inChunks(arms, MOST_TYPES);
  const seen = [...(yield* rows<SightRow>(lookStatement(dialect, applicationName, first)))];
  for (const some of others) seen.push(...(yield* rows<SightRow>(joined(some, ' UNION ALL '))));
  return sightOf(seen);
}

function sightOf(told: readonly SightRow[]): Sight {
  let now = NaN;
  const workers: SightRow[] = [];
  const paused = new Set<string>();
  const due = new Map<string, DueTask[]>();
  // Those of one type follow one another.
  let last: { readonly redoTaskId: string; readonly tasks: DueTask[] } | undefined;
  for (const row of told)
    switch (row.kind) {
      case 'clock':
        now = Number(row.number);
        break;
      case 'worker':
        workers.push(row);
        break;
      case 'pause':
        paused.add(row.name);
        break;
      case 'due':
        if (row.held !== null) {
          due.set(row.name, dueTasksOf(row));
          break;
        }
        if (last?.redoTaskId !== row.name) last = { redoTaskId: row.name, tasks: entryIn(due, row.name) };
        last.tasks.push(dueTaskOf(row, last.redoTaskId));
    }
  const seen = workers.map(({ name, number, flag, held, running, reached }) => ({
    id: name,
    leaseLeft: Number(number) - now,
    knocks: Number(flag),
    held,
    running,
    reached,
  }));
  return { now, workers: seen, paused, due };
}

const dueTaskOf = ({ number, flag, due_time }: SightRow, redoTaskId: string): DueTask => ({
  id: Number(number),
  redoTaskId,
  dueTime: Number(due_time),
  expired: Number(flag) === 1,
});

/** All of a type in one row, as `dueArmOfAll` lists them. */
function dueTasksOf({ name: redoTaskId, held, running, reached }: SightRow): DueTask[] {
  const [ids, times, flags] = [held, running, reached].map((list) => JSON.parse(`[${list}]`) as number[]);
  return (ids ?? []).map((id, at) => ({
    id,
    redoTaskId,
    dueTime: times?.[at] ?? NaN,
    expired: flags?.[at] === 1,
  }));
}

function entryIn(due: Map<string, DueTask[]>, type: string): DueTask[] {
  let tasks = due.get(type);
  if (!tasks) due.set(type, (tasks = []));
  return tasks;
}

function lookStatement(dialect: Dialect, applicationName: string, dueArms: readonly Statement[]): Statement {
  return joined(
    [
      sql`
    SELECT 'clock' AS kind, '' AS name, ${dialect.now} AS number, 0 AS flag, 0 AS due_time,
           NULL AS reached, NULL AS held, NULL AS running`,
      sql`
    SELECT 'worker', id, lease_until, knocks, 0, reached, held, running
    FROM tbl_redo_worker WHERE application_name = ${applicationName}`,
      sql`
    SELECT 'pause', redo_task_id, pause_time, 0, 0, NULL, NULL, NULL
    FROM tbl_redo_pause WHERE application_name = ${applicationName}`,
      ...dueArms,
    ],
    ' UNION ALL ',
  );
}

/** Due tasks of one type: one range of the index, in its order. */
const dueArm = (
  dialect: Dialect,
  applicationName: string,
  { type, most, after }: WantedOfType,
  leftOut: readonly Run[],
): Statement =>
  dialect.unionMember(sql`
      SELECT 'due' AS kind, redo_task_id AS name, ${dueColumns(dialect)}, NULL AS reached, NULL AS held, NULL AS running
      FROM tbl_redotask
      WHERE application_name = ${applicationName} AND status = 'PENDING' AND ${dialect.isText(sql`redo_task_id`, type)}
        AND next_exec_time <= ${dialect.now} ${after ? comesAfter(sql`${after.dueTime}`, sql`${after.id}`) : nothing}
        ${isNotIn(leftOut)}
      ORDER BY ${dialect.dueOrder}
      LIMIT ${most}`);

/** The same of many types in one SELECT, which is planned once. One row a type, of lists: they are read in half the time. */
const dueArmOfAll = (
  dialect: Dialect,
  applicationName: string,
  wantedTable: Statement,
  leftOut: readonly Run[],
): Statement => sql`
      SELECT 'due' AS kind, wanted_type AS name, 0 AS number, 0 AS flag, 0 AS due_time, flags AS reached, ids AS held, times AS running
      FROM ${wantedTable} CROSS JOIN LATERAL (
        SELECT string_agg(CAST(number AS TEXT), ',') AS ids, string_agg(CAST(due_time AS TEXT), ',') AS times,
               string_agg(CAST(flag AS TEXT), ',') AS flags
        FROM (
          SELECT ${dueColumns(dialect)}
          FROM tbl_redotask
          WHERE application_name = ${applicationName} AND status = 'PENDING' AND redo_task_id = wanted_type
            AND next_exec_time <= ${dialect.now} ${comesAfter(sql`after_time`, sql`after_id`)} ${isNotIn(leftOut)}
          ORDER BY ${dialect.dueOrder}
          LIMIT most) AS task) AS found
      WHERE ids IS NOT NULL`;

const dueColumns = (dialect: Dialect): Statement => sql`
    id AS number, CASE WHEN expire_time <= ${dialect.now} THEN 1 ELSE 0 END AS flag,
    next_exec_time AS due_time`;

/** So written that every server reads on in the index from there. */
const comesAfter = (dueTime: Statement, id: Statement): Statement =>
  sql`AND next_exec_time >= ${dueTime} AND (next_exec_time > ${dueTime} OR id > ${id})`;

/** `id + 0`, so that no server looks ids up by their own index. */
const isNotIn = (runs: readonly Run[]): Statement =>
  joined(
    runs.map(([first, last]) => sql`AND id + 0 NOT BETWEEN ${first} AND ${last}`),
    ' ',
  );

interface SightRow {
  readonly kind: 'clock' | 'worker' | 'pause' | 'due';
  readonly name: string;
  readonly number: number | string;
  /** Of a due task: it has expired; of a worker: its knocks. */
  readonly flag: number | string;
  readonly due_time: number | string;
  readonly reached: string | null;
  readonly held: string | null;
  readonly running: string | null;
}
