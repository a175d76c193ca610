import { type Evidence } from '../evidence.js';
import { judgeAttempts } from './attempts.js';
import { type DoubleRun, doubleRuns, inFlight, judgeDoubles } from './doubles.js';
import { judgeEnds } from './ends.js';
import { Findings } from './findings.js';
import { judgeOverlaps } from './overlaps.js';
import { judgeBacklog, judgeProcesses } from './processes.js';
import { type Violation } from './violation.js';

export interface Verdict {
  readonly violations: readonly Violation[];
  readonly doubles: readonly DoubleRun[];
  /** Attempts under way when their worker was killed, stopped or lost its lease: there can't be more double runs. */
  readonly inFlight: number;
}

/** Pure: the same evidence, the same verdict. */
export function judge(evidence: Evidence): Verdict {
  const findings = new Findings(evidence);
  return {
    violations: [
      ...judgeEnds(findings),
      ...judgeAttempts(findings),
      ...judgeDoubles(findings),
      ...judgeOverlaps(findings),
      ...judgeProcesses(findings),
      ...judgeBacklog(findings),
    ],
    doubles: doubleRuns(findings),
    inFlight: inFlight(findings).length,
  };
}
