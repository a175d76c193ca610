import { type Evidence } from './evidence.js';
import { type ChaosView } from './chaos-run.js';
import { inSeconds } from './monotonic.js';
import { type Verdict } from './verdict/verdict.js';

/** One line: what has happened so far. */
export function progress({ arena, disturber }: ChaosView, elapsed: number): string {
  const told = (event: string) =>
    arena.fleet.workers.flatMap(({ process }) => process.lines.filter((line) => line.startsWith(`${event} `)))
      .length;
  const added = arena.producer.lines.filter((line) => line.includes('"told":"committed"')).length;
  const now = [...disturber.underWay].map(({ kind, slot }) => `${kind} (${slot})`).join(', ');
  return (
    `${String(Math.round(elapsed / 1_000)).padStart(5)} s  added ${added}, ended ${told('succeeded') + told('dead')}, ` +
    `faults ${disturber.done.length}${now && `, now: ${now}`}`
  );
}

/** The final ledger. */
export function finalLedger(evidence: Evidence, { violations, doubles, inFlight }: Verdict): string {
  const { orders, tasks, runs, lives, processes, faults, backlog, deletesSucceeded } = evidence;
  const done = faults.filter(({ skipped }) => skipped === undefined);
  const ends = tasks.map(({ status, deadReason }) => deadReason ?? status);
  const counted = tasks.reduce((sum, { execTimes }) => sum + execTimes, 0);
  const emptied =
    backlog.emptyAt === undefined ? 'never' : `${inSeconds(backlog.emptyAt - backlog.lastFaultOver)} after`;
  const lines: [string, string][] = [
    ['orders', tally(orders.map(({ told }) => told))],
    ['tasks at the end', `${tally(ends)}${deletesSucceeded ? ' (succeeded ones are deleted)' : ''}`],
    ['runs', `${runs.length}: ${tally(runs.map(({ outcome }) => outcome ?? 'cut short'))}`],
    ['attempts counted', `${counted} of the tasks above`],
    [
      'processes',
      `${processes.length}; lives of workers ${lives.length}: ${tally(lives.map(({ end }) => end?.how ?? 'open'))}`,
    ],
    ['faults', `${done.length}: ${tally(done.map(({ kind }) => kind))}`],
    ['not possible', tally(faults.flatMap(({ kind, skipped }) => (skipped ? `${kind}: ${skipped}` : [])))],
    ['in flight then', `${inFlight} attempts when their worker was killed, stopped or lost its lease`],
    ['run twice', `${doubles.length}: ${tally(doubles.map(({ cause }) => cause ?? 'unexplained'))}`],
    ['backlog empty', `${emptied} the last fault (${done.at(-1)?.kind}); allowed are two leases`],
    ['violations', String(violations.length)],
  ];
  return [
    ...lines.map(([name, words]) => `  ${name.padEnd(18)}${words}`),
    ...violations.map(({ what, words }) => `  VIOLATION: ${what}: ${words}`),
  ].join('\n');
}

function tally(words: readonly string[]): string {
  const counts = new Map<string, number>();
  for (const word of words) counts.set(word, (counts.get(word) ?? 0) + 1);
  return (
    [...counts]
      .sort()
      .map(([word, count]) => `${word} ${count}`)
      .join(', ') || 'none'
  );
}
