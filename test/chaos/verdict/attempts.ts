import { type RunRecord, type TaskRecord } from '../evidence.js';
import { type Findings, taskName, told } from './findings.js';
import { type Violation } from './violation.js';

const ERRORS_KEPT = 10;

/** Every attempt that ran is counted, once; every one that is counted ran, or its worker died before the handler could write. */
export function* judgeAttempts(findings: Findings): Generator<Violation> {
  const rows = new Map(findings.evidence.tasks.map((task) => [`${task.id}/${task.key}`, task]));
  for (const runs of findings.runsByTask) {
    const [first] = runs as [RunRecord];
    const row = rows.get(`${first.task}/${first.key}`);
    const costing = runs.filter((run) => costs(run, findings));
    const attempts = new Set(costing.map(({ attempt }) => attempt));
    const counted = row?.execTimes ?? Math.max(0, ...attempts);
    const uncounted = costing.filter(({ attempt }) => attempt > counted);
    if (attempts.size < costing.length || uncounted.length > 0)
      yield {
        what: 'an attempt ran and was not counted',
        words: `${taskName(first)}: ${counted} counted; ${runs.map(told).join('; ')}`,
      };
    if (row) yield* judgeCounted(row, runs);
  }
}

/** A postponed attempt is free, and so is one that a stopping worker handed back. */
function costs(run: RunRecord, findings: Findings): boolean {
  if (run.outcome === 'postponed') return false;
  return findings.lives.get(run.worker)?.end?.how !== 'stopped' || findings.isSettled(run);
}

function* judgeCounted(row: TaskRecord, runs: readonly RunRecord[]): Generator<Violation> {
  const ran = new Set(runs.map(({ attempt }) => attempt));
  for (let attempt = 1; attempt <= row.execTimes; attempt += 1) {
    const forgotten = row.failedAttempts.length >= ERRORS_KEPT && attempt < Math.min(...row.failedAttempts);
    if (!ran.has(attempt) && !row.failedAttempts.includes(attempt) && !forgotten)
      yield {
        what: 'an attempt was counted and nobody ran it',
        words: `${row.deed} ${row.key}: attempt ${attempt} of ${row.execTimes}; ${runs.map(told).join('; ')}`,
      };
  }
}
