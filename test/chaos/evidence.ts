import { type FaultKind } from './fault-kinds.js';
import { type DeedName } from './deeds.js';
import { type DatabaseKind } from '../support/test-run.js';

/** All that the verdict is found from. Instants are microseconds of the host's monotonic clock. */
export interface Evidence {
  readonly database: DatabaseKind;
  /** ms */
  readonly lease: number;
  /** Rows of succeeded tasks are deleted. */
  readonly deletesSucceeded: boolean;
  readonly orders: readonly OrderRecord[];
  readonly tasks: readonly TaskRecord[];
  readonly runs: readonly RunRecord[];
  readonly lives: readonly Life[];
  readonly processes: readonly ProcessRecord[];
  readonly faults: readonly FaultRecord[];
  readonly looks: readonly Look[];
  readonly backlog: BacklogRecord;
}

/** A task that a producer added, or wanted to. */
export interface OrderRecord {
  readonly key: string;
  readonly deed: DeedName;
  /** What the producer knows of its transaction; `unknown`: it ended in a lost connection. */
  readonly told: 'committed' | 'rolled back' | 'unknown';
  /** Whether the producer's own row, written in the same transaction, is there; undefined: it wrote none. */
  readonly stored: boolean | undefined;
}

/** A row of `tbl_redotask` at the end. */
export interface TaskRecord {
  readonly id: number;
  readonly key: string;
  readonly deed: DeedName;
  readonly status: 'PENDING' | 'PARKED' | 'DEAD' | 'SUCCEEDED';
  readonly deadReason: string | null;
  /** Attempts counted. */
  readonly execTimes: number;
  /** Attempts whose error the row keeps: the last ten. */
  readonly failedAttempts: readonly number[];
}

/** `aborted`: its signal said that its lease is lost; `handed back`: that its worker stops. */
export type RunOutcome = 'succeeded' | 'failed' | 'postponed' | 'discarded' | 'aborted' | 'handed back';

/** One call of a handler as it wrote it down itself. */
export interface RunRecord {
  readonly task: number;
  readonly key: string;
  readonly deed: DeedName;
  readonly attempt: number;
  /** The life of the worker in which it began. */
  readonly worker: string;
  readonly began: number;
  /** Undefined: it never got so far. */
  readonly ended: number | undefined;
  readonly outcome: RunOutcome | undefined;
}

/** One life of a worker, from its registration on. */
export interface Life {
  readonly worker: string;
  readonly slot: number;
  readonly pid: number;
  readonly from: number;
  /** `killed`: its process ended without a word; `stopped`: in good order; `lost`: its lease was. */
  readonly end: { readonly at: number; readonly how: 'killed' | 'stopped' | 'lost' } | undefined;
  /** When the attempts of tasks were told to be settled there. */
  readonly settled: readonly { readonly task: number; readonly at: number }[];
}

export interface ProcessRecord {
  readonly slot: number;
  readonly pid: number;
  readonly exit: { readonly at: number; readonly how: string } | undefined;
  /** The fault that ended it, `a handler` that crashed, or `the end of the run`. */
  readonly endedBy: string | undefined;
}

export interface FaultRecord {
  readonly kind: FaultKind;
  readonly slot: number;
  readonly from: number;
  readonly to: number;
  /** Why it could not be done. */
  readonly skipped?: string;
}

/** The rows of `tbl_redo_worker` at one moment between two. */
export interface Look {
  readonly before: number;
  readonly after: number;
  readonly workers: ReadonlySet<string>;
}

export interface BacklogRecord {
  /** When the last fault was over. */
  readonly lastFaultOver: number;
  /** When no task was PENDING any more. */
  readonly emptyAt: number | undefined;
  /** What was left when it should have been empty. */
  readonly left: readonly string[];
}
