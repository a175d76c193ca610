import type { AttemptError } from '../handlers/redo-context.js';
import { dateOf } from '../instant.js';
import type { LedgerEntry } from '../store/ledger.js';
import {
  type DeadReason,
  decodeErrors,
  decodeTask,
  limitOf,
  type TaskRow,
  type TaskStatus,
} from '../store/task.row.js';
import type { WorkerRecord } from '../store/task.reader.js';

/** One task as a person sees it. */
export interface RedoTaskView {
  readonly id: number;
  readonly redoTaskId: string;
  readonly status: TaskStatus;
  /** `undefined` where they can't be decoded (PARKED). */
  readonly params: unknown;
  /** The row's own text, so that also what can't be decoded can be looked at. */
  readonly reqParam: string | null;
  /** Attempts counted so far. */
  readonly attempts: number;
  /** `null`: no limit. */
  readonly maxAttempts: number | null;
  readonly createTime: Date;
  /** When it is due; `null` once it is finished. */
  readonly nextExecTime: Date | null;
  readonly expiredDate: Date | null;
  /** When it died or succeeded; `null` while it is live. */
  readonly endTime: Date | null;
  readonly deadReason: DeadReason | null;
  /** Why, in words: the last error, or the reason of the discard. */
  readonly deadDetail: string | null;
  readonly dedupeKey: string | null;
  /** The last 10 failed attempts, the oldest first. */
  readonly errors: readonly AttemptError[];
  /** Who has it: running there, or claimed and about to begin. `null`: nobody. */
  readonly worker: TaskWorker | null;
  /** Whether a live instance, this one included, has a handler for its type. */
  readonly hasHandler: boolean;
}

export interface TaskWorker {
  readonly id: string;
  readonly host: string;
  readonly pid: number;
  readonly state: 'HELD' | 'RUNNING';
  /** Which attempt is running; `null` while it is held. */
  readonly attempt: number | null;
}

/** One live instance. */
export interface RedoWorkerView {
  readonly id: string;
  readonly host: string;
  readonly pid: number;
  readonly startTime: Date;
  readonly leaseUntil: Date;
  /** `false`: its lease has run out and nobody has cleared up after it yet. */
  readonly alive: boolean;
  /** The task types it can run. */
  readonly redoTaskIds: readonly string[];
  readonly held: readonly { readonly id: number; readonly redoTaskId: string }[];
  readonly running: readonly { readonly id: number; readonly redoTaskId: string; readonly attempt: number }[];
}

/** What is there and what is stuck, by task type. */
export interface RedoStats {
  readonly types: readonly RedoTypeStats[];
  readonly workers: number;
}

export interface RedoTypeStats {
  readonly redoTaskId: string;
  readonly pending: number;
  /** Of the pending ones: due now, running ones included. */
  readonly due: number;
  /** Since when the oldest of them has been due. */
  readonly oldestDue: Date | null;
  readonly running: number;
  readonly parked: number;
  readonly dead: number;
  /** Kept only on request (`retention.succeeded`). */
  readonly succeeded: number;
  readonly paused: boolean;
  readonly hasHandler: boolean;
}

export function viewTask(
  row: TaskRow,
  workers: ReadonlyMap<number, TaskWorker>,
  handled: ReadonlySet<string>,
): RedoTaskView {
  const decoded = decodeTask(row);
  const finished = row.status === 'DEAD' || row.status === 'SUCCEEDED';
  const time = dateOf(Number(row.next_exec_time));
  return {
    id: decoded.task.id,
    redoTaskId: row.redo_task_id,
    status: row.status,
    params: decoded.task.params,
    reqParam: row.req_param,
    attempts: row.exec_times,
    maxAttempts: limitOf(row),
    createTime: dateOf(decoded.task.addTime),
    nextExecTime: finished ? null : time,
    expiredDate: decoded.task.expireTime === null ? null : dateOf(decoded.task.expireTime),
    endTime: finished ? time : null,
    deadReason: row.dead_reason,
    deadDetail: row.dead_detail,
    dedupeKey: row.dedupe_key,
    errors: decodeErrors(row.errors).map((error) => ({ ...error, time: dateOf(error.time) })),
    worker: workers.get(decoded.task.id) ?? null,
    hasHandler: handled.has(row.redo_task_id),
  };
}

export function viewWorker(worker: WorkerRecord): RedoWorkerView {
  const { id, host, pid, alive, handlers } = worker;
  return {
    id,
    host,
    pid,
    startTime: dateOf(worker.startTime),
    leaseUntil: dateOf(worker.leaseUntil),
    alive,
    redoTaskIds: handlers,
    held: Object.entries(worker.held).flatMap(([redoTaskId, ids]) => ids.map((id) => ({ id, redoTaskId }))),
    running: Object.entries(worker.running).flatMap(([redoTaskId, marks]) =>
      marks.map(([id, attempt]) => ({ id, redoTaskId, attempt })),
    ),
  };
}

/** Which worker has which task. */
export function tasksOfWorkers(
  workers: readonly Pick<LedgerEntry, 'id' | 'host' | 'pid' | 'held' | 'running'>[],
): Map<number, TaskWorker> {
  const of = new Map<number, TaskWorker>();
  for (const { id, host, pid, held, running } of workers) {
    for (const task of Object.values(held).flat())
      of.set(task, { id, host, pid, state: 'HELD', attempt: null });
    for (const [task, attempt] of Object.values(running).flat())
      of.set(task, { id, host, pid, state: 'RUNNING', attempt });
  }
  return of;
}
