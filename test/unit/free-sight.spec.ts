import { describe, expect, test } from '@jest/globals';
import { lookForFree } from '../../lib/store/free.sight.js';
import type { Place } from '../../lib/store/place.js';
import { encodeReached, type Reached } from '../../lib/store/reached.js';
import { mysqlDialect } from '../../lib/store/mysql.dialect.js';
import { type Statement } from '../../lib/store/sql.js';
import { NO_ANSWER, type Row } from '../../lib/store/work.js';
import { ownsNothing } from '../support/owns-nothing.js';

const WORKER = { id: 'own', applicationName: 'app', host: '', pid: 1, handlers: () => [], lease: 1 };
const blank: Row = { name: '', number: 0, flag: 0, due_time: 0, reached: null, held: null, running: null };
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
  { workers = 1, held = 0, most = 10, after = new Map<string, Place>() } = {},
): { statements: Statement[]; free: number[]; reached: Reached | undefined } {
  const wanted = { perType: new Map([['job', most]]), after };
  const elsewhere = { workers, held: new Map([['job', held]]) };
  const work = lookForFree(mysqlDialect, WORKER, ownsNothing, wanted, elsewhere);
  const statements: Statement[] = [];
  let step = work.next();
  while (!step.done) {
    statements.push(step.value as Statement);
    step = work.next({ ...NO_ANSWER, rows: answers[statements.length - 1]! });
  }
  const { due, reached } = step.value;
  return { statements, free: (due.get('job') ?? []).map(({ id }) => id), reached };
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

test('an idle instance asks first what others have where that is many, and leaves it out', () => {
  const ledger = other('{"job":["1-4000"]}');
  const { statements, free } = answered(
    [
      [clock, ledger],
      [clock, ledger, due(4_001)],
    ],
    { most: 1, held: 4_000 },
  );
  expect(free).toEqual([4_001]);
  expect(statements.map(leavesOut)).toEqual([false, true]);
});

describe('where others have many', () => {
  const HELD = '{"job":["1-600"]}';
  const reachedAt = (since: number, held = HELD): Row => ({
    ...other(held),
    reached: encodeReached(new Map([['job', { dueTime: 7, id: 600, since }]])),
  });
  const now: Row = { ...clock, number: 10_000 };
  const place = (id: number, since: number) => new Map([['job', { dueTime: 7, id, since }]]);
  const goesOn = ({ text, values }: Statement) => text.includes('next_exec_time >=') && values.includes(600);

  test('a claim goes on from where theirs ended, and asks for no more than it wants', () => {
    const ledger = reachedAt(9_500);
    const { statements, free, reached } = answered(
      [
        [now, ledger],
        [now, ledger, ...range(601, 1_100).map(due)],
      ],
      { most: 500 },
    );
    expect(free).toEqual(range(601, 1_100));
    expect(statements.map(goesOn)).toEqual([false, true]);
    expect(statements.map(leavesOut)).toEqual([false, false]);
    expect(statements[1]!.values.at(-1)).toBe(500);
    expect(reached).toEqual(place(600, 9_500));
  });

  test.each([
    [700, 700],
    [550, 600],
  ])('or from where its own ended, if that is later: %d', (own, from) => {
    const ledger = reachedAt(9_500);
    const { statements } = answered(
      [
        [now, ledger],
        [now, ledger, ...range(701, 1_200).map(due)],
      ],
      { most: 500, after: new Map([['job', { dueTime: 7, id: own }]]) },
    );
    expect(statements[1]!.values).toContain(from);
    expect(statements[1]!.values).not.toContain(own === from ? 600 : own);
  });

  test('it leaves out what they have where that is too long ago', () => {
    const ledger = reachedAt(9_000);
    const { statements } = answered(
      [
        [now, ledger],
        [now, ledger, ...range(601, 1_100).map(due)],
      ],
      { most: 500 },
    );
    expect(statements.map(goesOn)).toEqual([false, false]);
    expect(statements.map(leavesOut)).toEqual([false, true]);
  });

  test('it looks from the start where they have few', () => {
    const ledger = reachedAt(9_500, '{"job":["1-400"]}');
    const { statements } = answered(
      [
        [now, ledger],
        [now, ledger, ...range(601, 1_100).map(due)],
      ],
      { most: 500 },
    );
    expect(statements.map(goesOn)).toEqual([false, false]);
  });

  test('it looks again where they have got all that it found', () => {
    const ledger = reachedAt(9_500, '{"job":["1-1100"]}');
    const { statements, free } = answered(
      [
        [now, ledger],
        [now, ledger, ...range(601, 1_100).map(due)],
        [now, ledger, ...range(1_101, 1_600).map(due)],
      ],
      { most: 500 },
    );
    expect(free).toEqual(range(1_101, 1_600));
    expect(statements.map(goesOn)).toEqual([false, true, true]);
    expect(statements.map(leavesOut)).toEqual([false, false, true]);
  });

  test.each([
    ['which is news where it has found less than it wanted', 1, place(600, 10_000)],
    ['which is forgotten where there is more', 500, new Map()],
  ])('from the start it sees all that comes before that place, %s', (_, found, expected) => {
    const ledger = reachedAt(9_000);
    const { reached } = answered(
      [
        [now, ledger],
        [now, ledger, ...range(601, 600 + found).map(due)],
      ],
      { most: 500 },
    );
    expect(reached).toEqual(expected);
  });

  test('what was not seen from the start is as old as it was', () => {
    const ledger = reachedAt(9_500);
    const { reached } = answered(
      [
        [now, ledger],
        [now, ledger],
      ],
      { most: 500 },
    );
    expect(reached).toEqual(place(600, 9_500));
  });
});
