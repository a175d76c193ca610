import * as messages from '../redo.messages.js';
import { sql, type Statement } from './sql.js';

/** `status` of a row of `tbl_redotask`. */
export type TaskStatus = 'PENDING' | 'PARKED' | 'DEAD' | 'SUCCEEDED';
export type DeadReason = 'EXHAUSTED' | 'EXPIRED' | 'DISCARDED';

/** One failed attempt as the row keeps it; `time` in epoch ms by the database's clock. */
export interface StoredError {
  readonly attempt: number;
  readonly message: string;
  readonly stack: string | null;
  readonly time: number;
  readonly host: string;
}

/** A row of `tbl_redotask` as the driver gives it: BIGINT comes as a number or a string. */
export interface TaskRow {
  readonly id: number | string;
  readonly redo_task_id: string;
  readonly status: TaskStatus;
  readonly max_attempts: number | null;
  readonly exec_times: number;
  readonly try_forever: string | null;
  readonly req_param: string | null;
  readonly next_exec_time: number | string;
  readonly expire_time: number | string | null;
  readonly add_time: number | string;
  readonly dead_reason: DeadReason | null;
  readonly dead_detail: string | null;
  readonly dedupe_key: string | null;
  readonly errors: string | null;
}

export const TASK_COLUMNS: Statement = sql`id, redo_task_id, status, max_attempts, exec_times, try_forever, req_param,
  next_exec_time, expire_time, add_time, dead_reason, dead_detail, dedupe_key, errors`;

/**
 * Of rows that are found by their ids. So written that no index answers it: PostgreSQL, whose statistics may be of a moment at which
 * nothing was pending, would else read through all that ever was.
 */
export const IS_PENDING: Statement = sql`COALESCE(status, '') = 'PENDING'`;

/** So written that no index answers it, as {@link IS_PENDING}. */
export const HAS_NOT_SUCCEEDED: Statement = sql`COALESCE(status, '') <> 'SUCCEEDED'`;

/** What the engine reads of a row that it has claimed. */
export const CLAIMED_COLUMNS: Statement = sql`id, redo_task_id, max_attempts, exec_times, try_forever, req_param,
  expire_time, add_time, errors`;

export type ClaimedRow = Pick<
  TaskRow,
  | 'id'
  | 'redo_task_id'
  | 'max_attempts'
  | 'exec_times'
  | 'try_forever'
  | 'req_param'
  | 'expire_time'
  | 'add_time'
  | 'errors'
>;

/** What a claim hands to the engine: enough to run the handler and to judge the outcome. */
export interface ClaimedTask {
  readonly id: number;
  readonly redoTaskId: string;
  readonly params: unknown;
  /** The row's own text of them: the handler may change its object. */
  readonly reqParam: string | null;
  readonly execTimes: number;
  /** `null`: no limit. */
  readonly maxAttempts: number | null;
  /** Epoch ms. */
  readonly addTime: number;
  /** Epoch ms; `null`: never. */
  readonly expireTime: number | null;
  readonly errors: readonly StoredError[];
}

/** A claimed row is a task to run, or one whose parameters nobody can read. */
export type DecodedTask =
  | { readonly kind: 'runnable'; readonly task: ClaimedTask }
  | { readonly kind: 'undecodable'; readonly task: ClaimedTask; readonly reason: string };

const MOST_ERRORS = 10;

export function decodeTask(row: ClaimedRow): DecodedTask {
  try {
    checkNumber('max_attempts', row.max_attempts);
    checkNumber('exec_times', row.exec_times);
    checkNumber('add_time', row.add_time);
    checkNumber('expire_time', row.expire_time);
    return { kind: 'runnable', task: taskOf(row, decodeParams(row.req_param)) };
  } catch (error) {
    return { kind: 'undecodable', task: taskOf(row, undefined), reason: (error as Error).message };
  }
}

const taskOf = (row: ClaimedRow, params: unknown): ClaimedTask => ({
  id: Number(row.id),
  redoTaskId: row.redo_task_id,
  params,
  reqParam: row.req_param,
  execTimes: row.exec_times,
  maxAttempts: limitOf(row),
  addTime: Number(row.add_time),
  expireTime: row.expire_time === null ? null : Number(row.expire_time),
  errors: decodeErrors(row.errors),
});

/** SQLite takes anything into a column of numbers. */
function checkNumber(column: string, value: unknown): void {
  const isText = typeof value === 'string' && /^-?\d+$/.test(value);
  if (value !== null && !isText && !Number.isInteger(value)) throw new SyntaxError(messages.noNumber(column));
}

/** `try_forever` wins; NULL and 0 in `max_attempts`, as the Java component writes them, mean no limit. */
export const limitOf = (row: Pick<TaskRow, 'max_attempts' | 'try_forever'>): number | null =>
  row.try_forever === '1' ? null : row.max_attempts || null;

/** The seed's form: `{"params": …}`. NULL: added without parameters. */
export function decodeParams(reqParam: string | null): unknown {
  if (reqParam === null) return null;
  let decoded: unknown;
  try {
    decoded = JSON.parse(reqParam);
  } catch (error) {
    const { length } = reqParam;
    throw new SyntaxError(messages.undecodable(messages.noJson((error as Error).message, length)));
  }
  if (typeof decoded !== 'object' || decoded === null || !Object.hasOwn(decoded, 'params'))
    throw new SyntaxError(messages.undecodable(messages.noTaskForm));
  return (decoded as { params: unknown }).params;
}

export const encodeParams = (json: string): string => `{"params":${json}}`;

/** A row's last errors; a text that is none (somebody wrote there) counts as no errors. */
export function decodeErrors(errors: string | null): StoredError[] {
  if (errors === null) return [];
  try {
    const decoded: unknown = JSON.parse(errors);
    return Array.isArray(decoded) ? decoded.filter(isStoredError).slice(-MOST_ERRORS) : [];
  } catch {
    return [];
  }
}

function isStoredError(value: unknown): value is StoredError {
  if (typeof value !== 'object' || value === null) return false;
  const { attempt, message, stack, time, host } = value as Partial<Record<keyof StoredError, unknown>>;
  const [texts, numbers] = [
    [message, stack ?? '', host],
    [attempt, time],
  ];
  return texts.every((each) => typeof each === 'string') && numbers.every(Number.isSafeInteger);
}

/** The last 10 errors with one more. */
export const errorsWith = (errors: readonly StoredError[], error: StoredError): readonly StoredError[] =>
  [...errors, error].slice(-MOST_ERRORS);

/** The same as the row keeps them. */
export const withError = (errors: readonly StoredError[], error: StoredError): string =>
  JSON.stringify(errorsWith(errors, error));
