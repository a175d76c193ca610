import { RedoResult } from 'nestjs-redo';
import { APPLICATION } from './redo-app.js';
import { type TestDatabase } from './test-database.js';

const HOUR = 3_600_000;

/** A task as it is before. Its handler is given its name. */
export interface Planted {
  readonly type: PlantedType;
  /** Attempts counted already. @default 0 */
  readonly execTimes?: number;
  /** @default 10 */
  readonly maxAttempts?: number;
  /** Epoch ms. @default never */
  readonly expireTime?: number;
  /** Epoch ms: when it falls due, or if it is dead when it ended. @default long ago */
  readonly nextExecTime?: number;
  readonly status?: 'DEAD' | 'PENDING' | 'SUCCEEDED';
  /** What stands in `req_param`. @default what its name becomes there */
  readonly reqParam?: string;
}

/** How a handler ends an attempt, once it may. */
type End = (signal: AbortSignal) => RedoResult | Promise<never>;

const ENDS = {
  succeeds: () => RedoResult.SUCCESS,
  fails: () => RedoResult.failure('no'),
  postpones: () => RedoResult.retryAfter(HOUR),
  discards: () => RedoResult.discard('no'),
  /** Succeeds, but not while its instance stops. */
  givesUp: (signal) => {
    if (signal.aborted) throw signal.reason as Error;
    return RedoResult.SUCCESS;
  },
  /** Succeeds, but while its instance stops it goes on for ever. */
  deaf: (signal) => (signal.aborted ? new Promise<never>(() => {}) : RedoResult.SUCCESS),
} as const satisfies Record<string, End>;

export type PlantedType = keyof typeof ENDS;

export const PLANTED_TYPES = Object.entries(ENDS) as [PlantedType, End][];

/** @returns their ids, in the order in which they are due */
export async function plant(
  schema: TestDatabase,
  tasks: Readonly<Record<string, Planted>>,
): Promise<Map<string, number>> {
  const values = Object.entries(tasks).flatMap(([name, task]) => [
    APPLICATION,
    task.type,
    task.maxAttempts ?? 10,
    task.execTimes ?? 0,
    task.expireTime ?? null,
    task.nextExecTime ?? 0,
    task.status ?? 'PENDING',
    task.reqParam ?? JSON.stringify({ params: name }),
    name,
  ]);
  const rows = Object.keys(tasks).map(() => '(?, ?, ?, ?, ?, ?, ?, ?, ?)');
  await schema.query(
    `INSERT INTO tbl_redotask
       (application_name, redo_task_id, max_attempts, exec_times, expire_time, next_exec_time, status, req_param,
        dedupe_key)
     VALUES ${rows.join(', ')}`,
    values,
  );
  const planted = await schema.query<{ id: number; name: string }>(
    'SELECT id, dedupe_key AS name FROM tbl_redotask ORDER BY id',
  );
  return new Map(planted.map(({ id, name }) => [name, id]));
}

/** What is left of them: name → `PENDING, 1 counted: died`. A task without a row has succeeded, or was deleted. */
export async function leftOf(
  schema: TestDatabase,
  tasks: Readonly<Record<string, Planted>>,
): Promise<Record<string, string>> {
  const found = await schema.query<TaskLeft>(
    'SELECT dedupe_key AS name, status, dead_reason, exec_times, errors FROM tbl_redotask',
  );
  const rows = new Map(found.map((row) => [row.name, row]));
  return Object.fromEntries(
    Object.keys(tasks).map((name) => {
      const row = rows.get(name);
      return [name, row ? wordsOf(row) : GONE];
    }),
  );
}

/** What an attempt of a planted task leaves. @param died how many attempts before it were charged to the dead */
export function leftByAttempt({ type, maxAttempts = 10 }: Planted, attempt: number, died: number): string {
  const deaths = Array.from({ length: died }, () => DIED);
  switch (type) {
    case 'succeeds':
    case 'givesUp':
    case 'deaf':
      return GONE;
    case 'fails':
      return left(attempt < maxAttempts ? 'PENDING' : 'DEAD EXHAUSTED', attempt, [...deaths, 'no']);
    case 'postpones':
      return left('PENDING', attempt - 1, deaths);
    case 'discards':
      return left('DEAD DISCARDED', attempt, deaths);
  }
}

export const leftByDeath = (attempt: number): string => left('DEAD EXHAUSTED', attempt, [DIED]);

interface TaskLeft {
  readonly name: string;
  readonly status: string;
  readonly dead_reason: string | null;
  readonly exec_times: number;
  readonly errors: string | null;
}

const GONE = 'gone';
const DIED = 'died';

const left = (status: string, counted: number, errors: readonly string[]) =>
  `${status}, ${counted} counted${errors.map((error) => `, ${error}`).join('')}`;

function wordsOf({ status, dead_reason, exec_times, errors }: TaskLeft): string {
  const stored = JSON.parse(errors ?? '[]') as { message: string }[];
  const messages = stored.map(({ message }) => {
    if (message.includes('lost its lease')) return DIED;
    return message.includes("can't be decoded") ? 'undecodable' : message;
  });
  return left(dead_reason ? `${status} ${dead_reason}` : status, exec_times, messages);
}
