import type { Call } from './calls.js';

/** Tasks, workers and lives are numbered from 0. */
export type TaskId = number;
/** One registration of a worker: its row of `tbl_redo_worker`. A worker that lost its lease gets another. */
export type LifeId = number;

/** What is committed, what each process remembers, what is under way: everything that a next step depends on. Immutable. */
export interface State {
  /** `tbl_redotask`. */
  readonly tasks: readonly Task[];
  /** `tbl_redo_worker`, by life. */
  readonly rows: readonly (Row | null)[];
  readonly workers: readonly Worker[];
  /** What each worker's lanes have under way with the database (lib/redrive/loops.ts). */
  readonly txs: readonly (Tx | null)[];
  /** `tbl_redo_pause`, of the one type that there is; `resolved`: and the command that paused it has resolved. */
  readonly pause: 'none' | 'committed' | 'resolved';
  /** Transactions of persons and of the retention sweeper. */
  readonly visitors: readonly Tx[];
  /** What has no client any more, which the server does not know yet. */
  readonly orphans: readonly Tx[];
  /** How many faults and visits may still come. */
  readonly left: Limits;
}

/** How often each of these may happen. */
export interface Limits {
  /** A process is killed. */
  readonly kills: number;
  /** A client gives up what it has sent, without knowing whether it was done or will be. */
  readonly lostAnswers: number;
  /** The lease of a live worker runs out: it was paused, cut off or slow. */
  readonly lapses: number;
  /** A worker is stopped in good order. */
  readonly stops: number;
  /** A worker adds a task and begins it by the same COMMIT; so many of the tasks are absent at first. */
  readonly additions: number;
  readonly discards: number;
  readonly pauses: number;
  readonly retries: number;
  /** A task's expiry passes. */
  readonly expiries: number;
  readonly sweeps: number;
}

/** A row of `tbl_redotask`; a pending one is due: when to claim is anybody's choice, so a back-off is only a late choice. */
export interface Task {
  /** `ABSENT`: nobody has added it yet. */
  readonly status: 'ABSENT' | 'PENDING' | 'DEAD' | 'GONE';
  readonly execTimes: number;
  readonly expired: boolean;
  /** Kept by the model: attempts that were counted though nothing ran, since an answer never came. */
  readonly blanks: number;
}

/** What a ledger row says of one task: nothing, held, or running with this attempt. */
export type Place = '' | 'held' | number;

export interface Row {
  readonly places: readonly Place[];
  readonly lapsed: boolean;
  readonly knocks: number;
  /** The number of the write that it comes from. */
  readonly writes: number;
  /** Kept by the model: what became of this life's last run of each task. */
  readonly runs: readonly Run[];
}

/**
 * `marked`: committed as running, its handler has not begun · `begun`: and not counted · `counted` · `free`: settled without
 * a cost · `revived`: a person gave the task all its attempts anew meanwhile, so that this one may count or not
 */
export type Run = '' | 'marked' | 'begun' | 'counted' | 'free' | 'revived';

/** A process and what it remembers (lib/redrive/worker.life.ts). */
export interface Worker {
  readonly life: LifeId | null;
  /** As it sees it itself. */
  readonly lease: 'kept' | 'out';
  readonly phase: 'running' | 'draining' | 'failed to hand back';
  readonly has: readonly (Claimed | Held | Running | null)[];
  /** How often somebody had knocked when it read that the type is paused; null: as far as it knows, it is not. */
  readonly paused: number | null;
  /** The number of its next write: it grows with those that were given up, which is enough to know the later one of two. */
  readonly writes: number;
}

export interface Claimed {
  readonly as: 'claimed';
}

export interface Held {
  readonly as: 'held';
  readonly execTimes: number;
  readonly knocks: number;
  /** Kept by the model: what persons did to the task since its row was read. */
  readonly unknown: readonly ('discard' | 'retry')[];
  /** Kept by the model: and the command has resolved, so that the task may not begin as it was read. */
  readonly forbidden: boolean;
}

export interface Running {
  readonly as: 'running';
  readonly execTimes: number;
  /** Known when it is to be settled: until then it makes no difference whether the handler has ended. */
  readonly outcome: Outcome | '';
  /** As it was begun, where it may be kept. */
  readonly was?: Held;
}

export type Outcome = 'succeeded' | 'failed' | 'postponed';

/** A transaction, or statements without one. Its writes are its own until it is committed. */
export interface Tx {
  readonly call: Call;
  /** What was answered to its statements so far: with the call, that is where its code stands. */
  readonly answers: readonly unknown[];
  /** `done`: its last statement is answered and COMMIT is sent · `committed`: and the answer is on its way. */
  readonly stage: 'open' | 'done' | 'committed';
  readonly result: unknown;
  /** The worker's lease, counted from when this was sent. */
  readonly lease: 'kept' | 'out';
  /** It is its turn to write the worker's row. */
  readonly turn: boolean;
  /** What its worker remembered when that life was over. */
  readonly memory: Memory | null;
  /** Names of locked rows, in order. */
  readonly locks: readonly string[];
  readonly tasks: readonly (Task | null)[];
  /** Rows that it writes, `false`: deletes. */
  readonly rows: readonly (Row | false | null)[];
  /** Kept by the model: what its writes mean. */
  readonly entries: readonly Entry[];
}

/** What a worker writes into its row. */
export interface Memory {
  readonly places: readonly Place[];
  readonly writes: number;
}

/** A settlement that was written: of which life's run, and at whose cost. */
export interface Entry {
  readonly task: TaskId;
  readonly life: LifeId;
  readonly costs: 'an attempt' | 'nothing' | 'the task';
  /** By the worker itself, or by whoever took it for dead. */
  readonly by: 'itself' | 'its heir';
}

export interface Size {
  readonly workers: number;
  readonly tasks: number;
  /** Of each task. */
  readonly maxAttempts: number;
  /** Handlers at once on one worker. */
  readonly concurrency: number;
  /** Most tasks a worker holds. */
  readonly batch: number;
  readonly outcomes: readonly Outcome[];
  /** A task that is to be tried again may be kept, and held at once. */
  readonly keeps: boolean;
}

export const NO_FAULTS: Limits = {
  kills: 0,
  lostAnswers: 0,
  lapses: 0,
  stops: 0,
  additions: 0,
  discards: 0,
  pauses: 0,
  retries: 0,
  expiries: 0,
  sweeps: 0,
};

export const firstState = (size: Size, limits: Limits): State => ({
  tasks: Array.from({ length: size.tasks }, (_, task) => ({
    status: task < limits.additions ? 'ABSENT' : 'PENDING',
    execTimes: 0,
    expired: false,
    blanks: 0,
  })),
  rows: [],
  workers: times(size.workers, unregistered(size.tasks)),
  txs: times(LANES.length * size.workers, null),
  pause: 'none',
  visitors: [],
  orphans: [],
  left: limits,
});

/** A process that has just started, or starts afresh. */
export const unregistered = (tasks: number): Worker => ({
  life: null,
  lease: 'kept',
  phase: 'running',
  has: times(tasks, null),
  paused: null,
  writes: 0,
});

export const memoryOf = ({ has, writes }: Worker): Memory => ({
  places: has.map((own) => (own === null ? '' : own.as === 'running' ? own.execTimes + 1 : 'held')),
  writes,
});

export const times = <T>(count: number, item: T): T[] => Array.from({ length: count }, () => item);

/** The same list with another item at one place. */
export const withItem = <T>(list: readonly T[], index: number, item: T): T[] => {
  const copy = list.slice();
  copy[index] = item;
  return copy;
};

export const withWorker = (state: State, index: number, worker: Worker): State => ({
  ...state,
  workers: withItem(state.workers, index, worker),
});

/** One keeps a worker alive and begins what it holds, one claims, two settle. */
export const LANES = ['life', 'claims', 'settlings', 'more settlings'] as const;
export type Lane = (typeof LANES)[number];

export const placeOf = (index: number, lane: Lane): number => LANES.length * index + LANES.indexOf(lane);

export const txIn = ({ txs }: State, index: number, lane: Lane): Tx | null =>
  txs[placeOf(index, lane)] ?? null;

/** All that a worker has under way. */
export const txsOf = (state: State, index: number): (Tx | null)[] =>
  LANES.map((lane) => txIn(state, index, lane));

export const withTx = (state: State, index: number, lane: Lane, tx: Tx | null): State => ({
  ...state,
  txs: withItem(state.txs, placeOf(index, lane), tx),
});
