import { type RunRecord } from '../evidence.js';
import { type Findings, taskName, told } from './findings.js';
import { type Violation } from './violation.js';

/** No task ran at the same moment in two live workers whose lease was kept. */
export function* judgeOverlaps(findings: Findings): Generator<Violation> {
  for (const runs of findings.runsByTask)
    for (const [index, later] of runs.entries())
      for (const earlier of runs.slice(0, index))
        if (findings.overAt(earlier) > later.began && isForbidden(findings, earlier, later))
          yield {
            what: 'a task ran in two live workers at once',
            words: `${taskName(later)}: ${told(earlier)}; and ${told(later)}`,
          };
}

function isForbidden(findings: Findings, earlier: RunRecord, later: RunRecord): boolean {
  // A handler that goes on after its timeout, in spite of its signal, is the handler's fault.
  if (findings.timedOut(earlier, later.began)) return false;
  if (earlier.worker === later.worker) return true;
  return [earlier, later].every(({ worker }) => findings.hadLease(worker, later.began));
}
