import { workerDied } from '../redo.messages.js';
import { MOST_ATTEMPTS } from '../rules.js';
import type { Dialect } from './dialect.js';
import { deleteRow, type LedgerEntry } from './ledger.js';
import { settleEach } from './settle.js';
import type { Settlement } from './settlement.js';
import { inChunks, sql } from './sql.js';
import { lockFreeTasks } from './task.lock.js';
import {
  decodeErrors,
  IS_PENDING,
  limitOf,
  type StoredError,
  TASK_COLUMNS,
  type TaskRow,
  withError,
} from './task.row.js';
import { rows, type Work } from './work.js';

/** A worker whose lease ran out, and the tasks that were running on it. */
export interface Reaped {
  readonly worker: Pick<LedgerEntry, 'id' | 'host' | 'pid'>;
  readonly charged: readonly Charged[];
  /** Task types of which it had tasks. */
  readonly freed: readonly string[];
}

export interface Charged {
  readonly id: number;
  readonly redoTaskId: string;
  readonly attempt: number;
  readonly maxAttempts: number | null;
  readonly error: StoredError;
  readonly dead: boolean;
}

/**
 * Ends a lapsed worker, whose row the caller has locked: each task that was running is charged its attempt (dead, if that
 * was the last), what was merely held is free again, and the row goes. Undefined: somebody has one of the tasks locked; nothing
 * is written, and whoever looks next does the rest.
 */
export function* reap(dialect: Dialect, lapsed: LedgerEntry): Work<Reaped | undefined> {
  const charged = yield* chargeRunning(dialect, lapsed);
  const settlements = charged.map(({ settlement }) => settlement);
  const { strange } = yield* lockFreeTasks(
    dialect,
    settlements.map(({ id }) => id),
  );
  if (strange.size > 0) return undefined;
  const { overtaken } = yield* settleEach(dialect, { settlements, keepSucceeded: false, mayBet: false });
  yield* deleteRow(lapsed.id);
  return {
    worker: lapsed,
    charged: charged.map(({ charge }) => charge).filter(({ id }) => !overtaken.has(id)),
    freed: typesOf(lapsed),
  };
}

/** The task types of which a worker has tasks. */
export const typesOf = ({ held, running }: LedgerEntry): string[] => [
  ...new Set([...Object.keys(held), ...Object.keys(running)]),
];

function* chargeRunning(
  dialect: Dialect,
  { running, host, pid }: LedgerEntry,
): Work<{ charge: Charged; settlement: Settlement }[]> {
  const attempts = new Map(Object.values(running).flat());
  const found: (TaskRow & { now: number | string })[] = [];
  for (const some of inChunks([...attempts.keys()], 1_000))
    found.push(
      ...(yield* rows<(typeof found)[number]>(sql`
        SELECT ${TASK_COLUMNS}, ${dialect.now} AS now FROM tbl_redotask
        WHERE ${dialect.idIsAmong(some)} AND ${IS_PENDING}`)),
    );
  return found.flatMap((row) => {
    const id = Number(row.id);
    const attempt = attempts.get(id);
    if (attempt === undefined || row.exec_times !== attempt - 1) return [];
    const maxAttempts = limitOf(row);
    const error = { attempt, message: workerDied(host, pid), stack: null, time: Number(row.now), host };
    const dead = maxAttempts !== null && attempt >= maxAttempts;
    const counted = {
      id,
      before: attempt - 1,
      execTimes: Math.min(attempt, MOST_ATTEMPTS),
      errors: withError(decodeErrors(row.errors), error),
    };
    const settlement: Settlement = dead
      ? { kind: 'dead', ...counted, reason: 'EXHAUSTED', detail: error.message }
      : { kind: 'again', ...counted, delay: 0, error };
    return { charge: { id, redoTaskId: row.redo_task_id, attempt, maxAttempts, error, dead }, settlement };
  });
}
