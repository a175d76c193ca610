import { describe, expect, test } from '@jest/globals';
import { lookForAny, lookToClaim } from '../../lib/store/free.sight.js';
import { mysqlDialect } from '../../lib/store/mysql.dialect.js';
import { type Statement } from '../../lib/store/sql.js';
import { NO_ANSWER, type Row } from '../../lib/store/work.js';
import { ownsNothing } from '../support/owns-nothing.js';

const WORKER = { id: 'own', applicationName: 'app', host: '', pid: 1, handlers: () => [], lease: 1 };
const blank: Row = { name: '', number: 0, flag: 0, due_time: 0, host: null, held: null, running: null };
const clock: Row = { ...blank, kind: 'clock' };
const due = (id: number): Row => ({ ...blank, kind: 'due', name: 'job', number: id });
const other = (held: string): Row => ({ ...blank, kind: 'worker', name: 'other', held, running: '{}' });
const range = (first: number, last: number) =>
  Array.from({ length: last - first + 1 }, (_, index) => first + index);

/**
 * Answers each statement in turn.
 *
 * @param how `workers` and `held`: what it knows of the others from the look before; `most`: how many tasks it wants
 * @returns the statements, and what was found free
 */
function answered(
  answers: readonly (readonly Row[])[],
  { lookFor = lookToClaim, workers = 1, held = 0, most = 10 } = {},
): { statements: Statement[]; free: number[] } {
  const wanted = { perType: new Map([['job', most]]), after: new Map() };
  const elsewhere = { workers, held: new Map([['job', held]]) };
  const work = lookFor(mysqlDialect, WORKER, ownsNothing, wanted, elsewhere);
  const statements: Statement[] = [];
  let step = work.next();
  while (!step.done) {
    statements.push(step.value as Statement);
    step = work.next({ ...NO_ANSWER, rows: answers[statements.length - 1]! });
  }
  return { statements, free: (step.value.due.get('job') ?? []).map(({ id }) => id) };
}

const leavesOut = ({ text }: Statement) => text.includes('id + 0 NOT BETWEEN');

test('what another has got since it was read is not free', () => {
  const { statements, free } = answered(
    [
      [clock, other('{"job":["1-400"]}')],
      [clock, other('{"job":["1-400",405]}'), ...range(401, 410).map(due)],
      [clock, other('{"job":["1-400",405]}'), ...range(401, 411).map(due)],
    ],
    { held: 500 },
  );
  expect(free).toEqual([401, 402, 403, 404, ...range(406, 411)]);
  expect(statements.map(leavesOut)).toEqual([false, true, true]);
  // As many as are wanted, and beyond them what the other has beside what is left out.
  expect(statements.map(({ values }) => values.at(-1))).toEqual(['app', 10, 11]);
});

test('what another has given back since it was read waits for the next look', () => {
  const { statements, free } = answered(
    [
      [clock, other('{"job":["1-400"]}')],
      [clock, other('{"job":["1-390"]}'), ...range(401, 410).map(due)],
    ],
    { held: 500 },
  );
  expect(free).toEqual(range(401, 410));
  expect(statements).toHaveLength(2);
});

test('nothing is left out where the others have nothing by now', () => {
  const { statements, free } = answered([[clock], [clock, ...range(1, 10).map(due)]], { held: 500 });
  expect(free).toEqual(range(1, 10));
  expect(statements.map(leavesOut)).toEqual([false, false]);
});

test('of types that are not wanted nothing is left out', () => {
  const ledger = other('{"job":["1-400"],"another":["401-600"]}');
  const { statements } = answered(
    [
      [clock, ledger],
      [clock, ledger, ...range(601, 610).map(due)],
    ],
    { held: 500 },
  );
  expect(statements[1]!.values.slice(-3)).toEqual([1, 400, 10]);
});

describe('a claim of many', () => {
  const many = range(1, 500).map(due);

  test('asks first what others have', () => {
    const { statements, free } = answered([[clock], [clock, ...many]], { most: 500 });
    expect(free).toEqual(range(1, 500));
    expect(statements.map(({ values }) => values.at(-1))).toEqual(['app', 500]);
  });

  test('is one look where there is nobody else', () => {
    const { statements } = answered([[clock, ...many]], { most: 500, workers: 0 });
    expect(statements).toHaveLength(1);
  });
});

test('a claim that finds only what others have leaves all of it out when it looks again', () => {
  const ledger = other('{"job":["1-4000"]}');
  const { statements, free } = answered([
    [clock, ledger, ...range(1, 10).map(due)],
    [clock, ledger, ...range(4_001, 4_010).map(due)],
  ]);
  expect(free).toEqual(range(4_001, 4_010));
  expect(statements.map(leavesOut)).toEqual([false, true]);
  expect(statements[1]!.values.slice(-3)).toEqual([1, 4_000, 10]);
});

describe('an idle instance', () => {
  const ledger = other('{"job":["1-4000"]}');

  test('reads past a few of those that others have', () => {
    const { statements, free } = answered([[clock, ledger, due(3_999), due(4_001)]], {
      lookFor: lookForAny,
      held: 4_000,
    });
    expect(free).toEqual([4_001]);
    expect(statements.map(({ values }) => values.at(-1))).toEqual([510]);
  });

  test('leaves them out if it finds nothing else', () => {
    const { statements, free } = answered(
      [
        [clock, ledger, ...range(1, 510).map(due)],
        [clock, ledger, due(4_001)],
      ],
      { lookFor: lookForAny, held: 4_000 },
    );
    expect(free).toEqual([4_001]);
    expect(statements.map(leavesOut)).toEqual([false, true]);
  });
});
