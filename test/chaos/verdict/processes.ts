import { inMicroseconds, inSeconds } from '../monotonic.js';
import { type Findings } from './findings.js';
import { type Violation } from './violation.js';

/** Processes ended because something ended them, and leases were lost because something was about that can cost them. */
export function* judgeProcesses(findings: Findings): Generator<Violation> {
  const { lives, processes } = findings.evidence;
  for (const { pid, slot, exit, endedBy } of processes)
    if (!exit) yield { what: 'a process did not stop', words: `worker ${slot}, pid ${pid}` };
    else if (!endedBy)
      yield {
        what: 'a process ended by itself',
        words: `worker ${slot}, pid ${pid}, at ${inSeconds(exit.at)}: ${exit.how}`,
      };
  for (const life of lives)
    if (life.end?.how === 'lost' && !findings.causeOf(life))
      yield {
        what: 'a lease was lost without a fault',
        words: `worker ${life.slot}, ${life.worker.slice(0, 8)}, at ${inSeconds(life.end.at)}`,
      };
}

/** What was due was done soon, without anybody's help. */
export function* judgeBacklog({ evidence }: Findings): Generator<Violation> {
  const { backlog, lease } = evidence;
  const { emptyAt, lastFaultOver, left } = backlog;
  if (emptyAt !== undefined && emptyAt <= lastFaultOver + inMicroseconds(2 * lease)) return;
  const when = emptyAt === undefined ? 'never' : `after ${inSeconds(emptyAt - lastFaultOver)}`;
  yield {
    what: 'the backlog was not empty within two leases',
    words: `it was ${when}; left were ${left.join('; ')}`,
  };
}
