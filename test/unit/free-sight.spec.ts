import { expect, test } from '@jest/globals';
import { lookToClaim } from '../../lib/store/free.sight.js';
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

/** Answers each statement in turn. @returns the statements, and what was found free */
function answered(answers: readonly (readonly Row[])[]): { statements: Statement[]; free: number[] } {
  const wanted = { perType: new Map([['job', 10]]), after: new Map() };
  const work = lookToClaim(mysqlDialect, WORKER, ownsNothing, wanted, new Map([['job', 500]]));
  const statements: Statement[] = [];
  let step = work.next();
  while (!step.done) {
    statements.push(step.value as Statement);
    step = work.next({ ...NO_ANSWER, rows: answers[statements.length - 1]! });
  }
  return { statements, free: step.value.due.get('job')!.map(({ id }) => id) };
}

const leavesOut = ({ text }: Statement) => text.includes('id + 0 NOT BETWEEN');

test('what another has got since it was read is not free', () => {
  const { statements, free } = answered([
    [clock, other('{"job":["1-400"]}')],
    [clock, other('{"job":["1-400",405]}'), ...range(401, 410).map(due)],
    [clock, other('{"job":["1-400",405]}'), ...range(1, 411).map(due)],
  ]);
  expect(free).toEqual([401, 402, 403, 404, ...range(406, 411)]);
  expect(statements.map(leavesOut)).toEqual([false, true, false]);
  // As many as are wanted, and beyond them as many as the other has.
  expect(statements.map(({ values }) => values.at(-1))).toEqual(['app', 10, 411]);
});

test('what another has given back since it was read waits for the next look', () => {
  const { statements, free } = answered([
    [clock, other('{"job":["1-400"]}')],
    [clock, other('{"job":["1-390"]}'), ...range(401, 410).map(due)],
  ]);
  expect(free).toEqual(range(401, 410));
  expect(statements).toHaveLength(2);
});

test('nothing is left out where the others have nothing by now', () => {
  const { statements, free } = answered([[clock], [clock, ...range(1, 10).map(due)]]);
  expect(free).toEqual(range(1, 10));
  expect(statements.map(leavesOut)).toEqual([false, false]);
});

test('of types that are not wanted nothing is left out', () => {
  const ledger = other('{"job":["1-400"],"another":["401-600"]}');
  const { statements } = answered([
    [clock, ledger],
    [clock, ledger, ...range(601, 610).map(due)],
  ]);
  expect(statements[1]!.values.slice(-3)).toEqual([1, 400, 10]);
});
