import { deedOf } from '../deeds.js';
import { type Evidence, type Life, type RunRecord } from '../evidence.js';
import { costsLease } from '../fault-kinds.js';
import { inMicroseconds, inSeconds } from '../monotonic.js';

/** A busy process may tell of its last commit this much later. */
const TOLD_LATE = inMicroseconds(1_000);

/** The evidence, put in order. */
export class Findings {
  readonly lives: ReadonlyMap<string, Life>;
  /** The runs of each task in the order in which they began. */
  readonly runsByTask: readonly (readonly RunRecord[])[];
  private readonly lastSeen = new Map<string, number>();

  constructor(readonly evidence: Evidence) {
    this.lives = new Map(evidence.lives.map((life) => [life.worker, life]));
    const byTask = new Map<string, RunRecord[]>();
    for (const run of [...evidence.runs].sort((one, other) => one.began - other.began)) {
      // The id alone may be given twice: a crashed server forgets what was not committed.
      const task = `${run.task}/${run.key}`;
      byTask.set(task, [...(byTask.get(task) ?? []), run]);
    }
    this.runsByTask = [...byTask.values()];
    for (const { before, workers } of evidence.looks)
      for (const worker of workers) this.lastSeen.set(worker, before);
  }

  /** Its row was still in the ledger at this instant: nobody else can have had its tasks. */
  hadLease(worker: string, at: number): boolean {
    if ((this.lastSeen.get(worker) ?? -Infinity) > at) return true;
    const end = this.lives.get(worker)?.end;
    return !end || (end.how === 'stopped' && end.at > at + TOLD_LATE);
  }

  /** What ended a life: a fault, a handler that crashed, the end of the run; undefined: nobody knows. */
  causeOf({ end, pid, slot }: Life): string | undefined {
    if (!end) return undefined;
    if (end.how !== 'lost') return this.evidence.processes.find((each) => each.pid === pid)?.endedBy;
    const { database, faults, lease } = this.evidence;
    // The last renewal was a lease ago, and whatever prevented the next ones was about since then.
    const since = end.at - 2 * inMicroseconds(lease);
    return faults.findLast(({ kind, from, to, ...one }) => {
      const costs = costsLease(kind, database);
      const concerns = costs === 'everybody' || (costs === 'its worker' && one.slot === slot);
      return concerns && from <= end.at && to >= since;
    })?.kind;
  }

  /** The attempt was given up by the engine at its timeout, though its handler may have gone on. */
  timedOut({ deed, began, worker }: RunRecord, by: number): boolean {
    const { timeout } = deedOf(deed).policy;
    if (timeout === undefined) return false;
    const lateAt = began + inMicroseconds(timeout);
    return lateAt <= by && (this.lives.get(worker)?.end?.at ?? Infinity) >= lateAt;
  }

  /** Whether the worker told that it settled the attempt before its life ended. */
  isSettled({ task, began, worker }: RunRecord): boolean {
    const life = this.lives.get(worker);
    const until = life?.end?.at ?? Infinity;
    return !!life?.settled.some(
      (settled) => settled.task === task && settled.at >= began && settled.at <= until,
    );
  }

  /** Until when the handler ran. */
  overAt({ ended, worker }: RunRecord): number {
    const pid = this.lives.get(worker)?.pid;
    return ended ?? this.evidence.processes.find((each) => each.pid === pid)?.exit?.at ?? Infinity;
  }
}

/** A run in words. */
export const told = (run: RunRecord): string =>
  `attempt ${run.attempt} in ${run.worker.slice(0, 8)} from ${inSeconds(run.began)} to ` +
  `${run.ended === undefined ? '?' : inSeconds(run.ended)} ${run.outcome ?? 'cut short'}`;

export const taskName = ({ task, key, deed }: RunRecord): string => `task ${task} (${deed} ${key})`;
