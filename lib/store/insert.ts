import { createHash } from 'node:crypto';
import type { Dialect, Insertion } from './dialect.js';
import {
  type Expression,
  joined,
  literal,
  MOST_CHARACTERS,
  sql,
  type SqlValue,
  type Statement,
} from './sql.js';
import { rows, type Work } from './work.js';

/** An instant as the caller gave it: ms from the database's now, or epoch ms. */
export type Instant = { readonly in: number } | { readonly at: number };

/** A task that passed every check, ready to be written. */
export interface NewTask {
  readonly applicationName: string;
  readonly redoTaskId: string;
  readonly maxAttempts: number;
  readonly tryForever: boolean;
  /** `{"params": …}` */
  readonly reqParam: string;
  readonly due: Instant;
  readonly expiry: Instant | null;
  readonly dedupeKey: string | null;
}

export interface AddedTask {
  readonly id: number;
  /** `false`: a live task of the same type had the `dedupeKey` already, and this is its id. */
  readonly created: boolean;
}

/** Rows of one statement. */
const MOST_ROWS = 1_000;

const COLUMNS = sql`application_name, redo_task_id, max_attempts, try_forever, add_time, next_exec_time, expire_time, req_param`;
const KEYED_COLUMNS = sql`${COLUMNS}, dedupe_key, dedupe_hash`;

/** Inserts tasks, in order; rows without a `dedupeKey` go in few statements. */
export function* insertTasks(dialect: Dialect, tasks: readonly NewTask[]): Work<AddedTask[]> {
  const added: AddedTask[] = [];
  for (const chunk of inStatements(tasks))
    added.push(
      ...(yield* chunk[0]?.dedupeKey === null ? insertPlain(dialect, chunk) : insertKeyed(dialect, chunk)),
    );
  return added;
}

/** Inserts one task without a `dedupeKey`. */
export const insertionOf =
  (dialect: Dialect, task: NewTask): Insertion =>
  (now) =>
    sql`INSERT INTO tbl_redotask (${COLUMNS}) VALUES (${valuesOf(dialect, task, now)})`;

/** Whether one INSERT holds all of them: then it needs no transaction around it. */
export function fitsOneInsert(tasks: readonly NewTask[]): boolean {
  const [, second] = inStatements(tasks);
  return second === undefined && tasks[0]?.dedupeKey === null;
}

/** The database's clock, epoch ms. */
export function* readClock(dialect: Dialect): Work<number> {
  const [row] = yield* rows<{ now: number | string }>(sql`SELECT ${dialect.now} AS now`);
  return Number(row?.now);
}

/** What makes two tasks the same to `dedupeKey`; by hash, since columns compare more loosely than JavaScript does. */
export const dedupeHash = (applicationName: string, redoTaskId: string, dedupeKey: string): string =>
  createHash('sha256')
    .update(JSON.stringify([applicationName, redoTaskId, dedupeKey]))
    .digest('hex');

function* insertPlain(dialect: Dialect, tasks: readonly NewTask[]): Work<AddedTask[]> {
  const ids = yield* dialect.insertTasks(COLUMNS, (now) => sourceOf(dialect, tasks, now), tasks.length);
  return ids.map((id) => ({ id, created: true }));
}

function sourceOf(dialect: Dialect, tasks: readonly NewTask[], now: Expression): Statement {
  const [first, ...others] = tasks;
  const areAlike = first && others.length > 0 && others.every((task) => isAlike(task, first));
  if (!areAlike) return sql`VALUES ${rowsOf(tasks, (task) => valuesOf(dialect, task, now))}`;
  if (dialect.textTable) {
    const texts = tasks.map((task) => task.reqParam);
    return sql`SELECT ${commonOf(dialect, first, now)}, req_param FROM ${dialect.textTable(sql`req_param`, texts)}`;
  }
  const common = commonOf(dialect, first, now, literal).inOnePiece;
  return sql`VALUES ${rowsOf(tasks, ({ reqParam }) => sql`${common}, ${reqParam}`)}`;
}

/** The same in all but their parameters. */
const isAlike = (one: NewTask, other: NewTask): boolean =>
  one.applicationName === other.applicationName &&
  one.redoTaskId === other.redoTaskId &&
  one.maxAttempts === other.maxAttempts &&
  one.tryForever === other.tryForever &&
  isSame(one.due, other.due) &&
  isSame(one.expiry, other.expiry);

/** Tasks of one call have one and the same. */
function isSame(one: Instant | null, other: Instant | null): boolean {
  if (one === other || !one || !other) return one === other;
  return 'in' in one ? 'in' in other && one.in === other.in : 'at' in other && one.at === other.at;
}

/**
 * Looks for live tasks with these keys and inserts the rest. Looking comes first: an INSERT that meets a key locks the gap
 * before it, and with it everybody's inserts, until the caller's transaction ends. What is found is kept from ending as long.
 */
function* insertKeyed(dialect: Dialect, tasks: readonly NewTask[]): Work<AddedTask[]> {
  const keyedValues = (task: NewTask) =>
    sql`${valuesOf(dialect, task, dialect.now)}, ${task.dedupeKey}, ${hashOf(task)}`;
  const byHash = new Map<string, NewTask>();
  for (const task of tasks) {
    const hash = hashOf(task);
    if (!byHash.has(hash)) byHash.set(hash, task);
  }
  const present = new Map<string, number>();
  const created = new Map<string, number>();
  // In the order of their hashes: two calls that share keys meet them in the same order and can't deadlock.
  let missing = [...byHash.keys()].sort();
  for (const [hash, id] of yield* findLive(dialect, missing)) present.set(hash, id);
  missing = missing.filter((hash) => !present.has(hash));
  while (missing.length > 0) {
    const wanted = missing.flatMap((hash) => byHash.get(hash) ?? []);
    for (const [hash, id] of yield* dialect.insertFree(KEYED_COLUMNS, rowsOf(wanted, keyedValues), missing))
      created.set(hash, id);
    missing = missing.filter((hash) => !created.has(hash));
    if (missing.length === 0) break;
    // Somebody added them at the same moment. One that has ended again by now is inserted after all.
    const found = yield* rows<KeyedRow>(sql`
      SELECT id, dedupe_hash, status FROM tbl_redotask WHERE ${dialect.dedupeHashIsAmong(missing)} ${dialect.forShare}`);
    for (const row of found) if (row.dedupe_hash) present.set(row.dedupe_hash, Number(row.id));
    missing = missing.filter((hash) => !present.has(hash));
  }
  return tasks.map((task) => {
    const hash = hashOf(task);
    const id = created.get(hash);
    if (id === undefined) return { id: present.get(hash) ?? NaN, created: false };
    return { id, created: byHash.get(hash) === task };
  });
}

interface KeyedRow {
  readonly id: number | string;
  readonly dedupe_hash: string | null;
}

/** Found without a lock, then locked by id and read again: the snapshot of the caller's transaction may be old. */
function* findLive(dialect: Dialect, hashes: readonly string[]): Work<Map<string, number>> {
  const seen = yield* rows<KeyedRow>(sql`
    SELECT id, dedupe_hash FROM tbl_redotask WHERE ${dialect.dedupeHashIsAmong(hashes)}`);
  if (seen.length === 0) return new Map();
  const ids = seen.map(({ id }) => Number(id)).sort((one, other) => one - other);
  const locked = yield* rows<KeyedRow>(dialect.lockTasks(sql`id, dedupe_hash, status`, ids, 'share'));
  const live = locked.flatMap(({ id, dedupe_hash }) =>
    dedupe_hash && hashes.includes(dedupe_hash) ? [[dedupe_hash, Number(id)] as const] : [],
  );
  return new Map(live);
}

const hashOf = (task: NewTask): string =>
  dedupeHash(task.applicationName, task.redoTaskId, task.dedupeKey ?? '');

const rowsOf = (tasks: readonly NewTask[], values: (task: NewTask) => Statement): Statement =>
  joined(
    tasks.map((task) => sql`(${values(task)})`),
    ', ',
  );

const valuesOf = (dialect: Dialect, task: NewTask, now: Expression): Statement =>
  sql`${commonOf(dialect, task, now)}, ${task.reqParam}`;

/** All but its parameters: tasks of one call have that in common. */
function commonOf(
  dialect: Dialect,
  task: NewTask,
  now: Expression,
  written: (value: SqlValue) => Expression = (value) => value,
): Statement {
  const due = dueTime(dialect, task.due, now);
  const expiry = task.expiry && instant(task.expiry, now);
  return sql`
    ${written(task.applicationName)}, ${written(task.redoTaskId)}, ${written(task.maxAttempts)},
    ${task.tryForever ? sql`'1'` : sql`'0'`}, ${now}, ${expiry ? dialect.least(due, expiry) : due}, ${expiry ?? sql`NULL`}`;
}

const instant = (given: Instant, now: Expression): Expression =>
  'at' in given ? given.at : given.in === 0 ? now : sql`${now} + ${given.in}`;

/** Never before now: a scan for due tasks may begin where the last one ended. */
const dueTime = (dialect: Dialect, given: Instant, now: Expression): Expression =>
  'at' in given ? dialect.greatest(now, instant(given, now)) : instant(given, now);

/** Chunks of tasks that are alike: all with a key, or none. */
function* inStatements(tasks: readonly NewTask[]): Generator<readonly NewTask[]> {
  let chunk: NewTask[] = [];
  let characters = 0;
  for (const task of tasks) {
    const alike = chunk.length === 0 || (chunk[0]?.dedupeKey === null) === (task.dedupeKey === null);
    const full = chunk.length >= MOST_ROWS || characters + task.reqParam.length > MOST_CHARACTERS;
    if (chunk.length > 0 && (full || !alike)) {
      yield chunk;
      chunk = [];
      characters = 0;
    }
    chunk.push(task);
    characters += task.reqParam.length;
  }
  if (chunk.length > 0) yield chunk;
}
