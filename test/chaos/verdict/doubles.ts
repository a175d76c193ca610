import { type Life, type RunRecord } from '../evidence.js';
import { type Findings, taskName, told } from './findings.js';
import { type Violation } from './violation.js';

/** A run that its predecessor did not ask for: that one was cut short, or had its effect and was not settled. */
export interface DoubleRun {
  readonly before: RunRecord;
  readonly run: RunRecord;
  /** The fault that ended the predecessor's worker. */
  readonly cause: string | undefined;
}

export function doubleRuns(findings: Findings): DoubleRun[] {
  return findings.runsByTask.flatMap((runs) =>
    runs.slice(1).flatMap((run, index) => {
      const before = runs[index] as RunRecord;
      return asksForAnother(findings, before, run)
        ? []
        : [{ before, run, cause: causeOf(findings, before, run) }];
    }),
  );
}

/** Attempts that had begun, and were not told to be settled, when their worker's life ended. */
export function inFlight(findings: Findings): RunRecord[] {
  const ended = ({ end }: Life) => end?.at ?? -Infinity;
  return findings.evidence.runs.filter((run) => {
    const life = findings.lives.get(run.worker);
    return life !== undefined && run.began <= ended(life) && !findings.isSettled(run);
  });
}

export function* judgeDoubles(findings: Findings): Generator<Violation> {
  const doubles = doubleRuns(findings);
  for (const { before, run, cause } of doubles)
    if (cause === undefined)
      yield {
        what: 'a double run that no fault explains',
        words: `${taskName(run)}: ${told(before)}; then ${told(run)}`,
      };
  const most = inFlight(findings).length;
  if (doubles.length > most)
    yield { what: 'more double runs than tasks in flight', words: `${doubles.length} and ${most}` };
}

function asksForAnother(findings: Findings, before: RunRecord, run: RunRecord): boolean {
  const ended = before.ended !== undefined && before.ended <= run.began;
  const askedFor = before.outcome === 'failed' || before.outcome === 'postponed';
  return (ended && askedFor) || findings.timedOut(before, run.began);
}

/** A worker whose row was still there when its task began elsewhere has not lost it. */
function causeOf(findings: Findings, before: RunRecord, run: RunRecord): string | undefined {
  const life = findings.lives.get(before.worker);
  if (!life || before.worker === run.worker || findings.hadLease(before.worker, run.began)) return undefined;
  return findings.causeOf(life);
}
