import { deedOf } from '../deeds.js';
import { type Evidence, type OrderRecord, type RunRecord, type TaskRecord } from '../evidence.js';
import { type Findings } from './findings.js';
import { type Violation } from './violation.js';

/** Every committed task ended as it had to, and no rolled-back one ever was. */
export function* judgeEnds({ evidence }: Findings): Generator<Violation> {
  yield* judgeIdentity(evidence);
  const rows = new Map(evidence.tasks.map((task) => [task.key, task]));
  const runs = new Map<string, RunRecord[]>();
  for (const run of evidence.runs) runs.set(run.key, [...(runs.get(run.key) ?? []), run]);

  for (const order of evidence.orders) {
    const [row, ran = []] = [rows.get(order.key), runs.get(order.key)];
    if (contradicts(order))
      yield {
        what: 'a transaction ended otherwise than its producer was told',
        words: `${order.key}: told ${order.told}, its row is ${order.stored ? '' : 'not '}there`,
      };
    switch (isCommitted(order)) {
      case false:
        if (ran.length > 0)
          yield { what: 'a rolled-back task ran', words: `${order.key}: ${ran.length} times` };
        if (row) yield { what: 'a rolled-back task is stored', words: `${order.key}: id ${row.id}` };
        break;
      case undefined:
        // Added outside of a transaction, and the answer was lost: if it is there it must end.
        if (row || ran.length > 0) yield* judgeEnd(order, row, ran, evidence.deletesSucceeded);
        break;
      case true:
        yield* judgeEnd(order, row, ran, evidence.deletesSucceeded);
    }
  }
}

function* judgeIdentity({ tasks, runs }: Evidence): Generator<Violation> {
  const ids = new Map<string, Set<number>>();
  const meet = (key: string, id: number) => ids.set(key, (ids.get(key) ?? new Set<number>()).add(id));
  for (const { key, id } of tasks) meet(key, id);
  for (const { key, task } of runs) meet(key, task);
  for (const [key, found] of ids)
    if (found.size > 1)
      yield { what: 'a task was added once and stored twice', words: `${key}: ids ${[...found].join(', ')}` };
}

const contradicts = ({ told, stored }: OrderRecord): boolean =>
  stored !== undefined && ((told === 'committed' && !stored) || (told === 'rolled back' && stored));

function isCommitted({ told, stored }: OrderRecord): boolean | undefined {
  if (stored !== undefined) return stored;
  return told === 'unknown' ? undefined : told === 'committed';
}

function* judgeEnd(
  { key, deed }: OrderRecord,
  row: TaskRecord | undefined,
  ran: readonly RunRecord[],
  deletesSucceeded: boolean,
): Generator<Violation> {
  const succeeded = ran.some(({ outcome }) => outcome === 'succeeded');
  const name = `${deed} ${key}`;
  if (!row) {
    const words = succeeded ? `${name}: it succeeded, and its row is gone` : `${name}: its row is gone`;
    if (!succeeded || !deletesSucceeded) yield { what: 'a committed task did not end', words };
    return;
  }
  if (row.status === 'PENDING' || row.status === 'PARKED') {
    yield {
      what: 'a committed task did not end',
      words: `${name}: id ${row.id} is ${row.status} after ${row.execTimes} attempts`,
    };
    return;
  }
  const end = row.status === 'DEAD' ? String(row.deadReason) : row.status;
  const expected = deedOf(deed).end;
  if (end !== expected)
    yield {
      what: 'a task ended for the wrong reason',
      words: `${name}: id ${row.id} is ${end} after ${row.execTimes} attempts, not ${expected}`,
    };
  else if (expected === 'SUCCEEDED' && !succeeded)
    yield {
      what: 'a task ended for the wrong reason',
      words: `${name}: SUCCEEDED, but no run of it succeeded`,
    };
}
