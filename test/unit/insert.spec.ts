import { describe, expect, test } from '@jest/globals';
import { type Instant, insertTasks, type NewTask } from '../../lib/store/insert.js';
import { mysqlDialect } from '../../lib/store/mysql.dialect.js';
import { postgresDialect } from '../../lib/store/postgres.dialect.js';
import type { Statement } from '../../lib/store/sql.js';
import type { Answer } from '../../lib/store/work.js';

const NOW = 1_700_000_000_000;
const newTask = (due: Instant, expiry: Instant | null = null): NewTask => ({
  applicationName: 'app',
  redoTaskId: 'job',
  maxAttempts: 10,
  tryForever: false,
  reqParam: '{"params":1}',
  due,
  expiry,
  dedupeKey: null,
});
const answer = (told: Partial<Answer>): Answer => ({ rows: [], affected: 0, insertId: NaN, ...told });
const oneLine = (text: string) => text.replaceAll(/\s+/g, ' ');
const textOf = (statement: unknown) => (statement as Statement).text;

describe('the time at which tasks are added', () => {
  test('MySQL is asked for it before many are, and each row has it as a number', () => {
    const work = insertTasks(mysqlDialect, [newTask({ in: 0 }), newTask({ in: 5_000 }, { in: 60_000 })]);
    expect(textOf(work.next().value)).toMatch(/^SELECT @@auto_increment_increment .* UTC_TIMESTAMP/);
    const insert = work.next(answer({ rows: [{ step: 2, now: `${NOW}` }] })).value as Statement;
    expect(insert.text).not.toContain('TIMESTAMP');
    expect(insert.values).toEqual([
      ...['app', 'job', 10, '{"params":1}'],
      ...['app', 'job', 10, 5_000, 60_000, 60_000, '{"params":1}'],
    ]);
    expect(oneLine(insert.text)).toContain(
      `VALUES ( ?, ?, ?, '0', ${NOW}, ${NOW}, NULL, ?), ( ?, ?, ?, '0', ${NOW}, LEAST(${NOW} + ?, ${NOW} + ?), ${NOW} + ?, ?)`,
    );
    expect(work.next(answer({ affected: 2, insertId: 7 })).value).toEqual([
      { id: 7, created: true },
      { id: 9, created: true },
    ]);
  });

  test('one alone has MySQL work it out within its INSERT', () => {
    const work = insertTasks(mysqlDialect, [newTask({ in: 0 })]);
    expect(textOf(work.next().value)).toMatch(/^INSERT .* UTC_TIMESTAMP/s);
    expect(work.next(answer({ affected: 1, insertId: 7 })).value).toEqual([{ id: 7, created: true }]);
  });

  test('PostgreSQL works it out once, and not for each row', () => {
    const work = insertTasks(postgresDialect, [newTask({ in: 0 }), newTask({ in: 0 })]);
    const text = textOf(work.next().value);
    const once = `(SELECT ${postgresDialect.now.text})`;
    expect(text).toContain(once);
    expect(text.replaceAll(once, '')).not.toContain('timestamp');
  });
});

describe('what many tasks have in common', () => {
  const insertOf = (tasks: readonly NewTask[]) => {
    const work = insertTasks(mysqlDialect, tasks);
    work.next();
    return work.next(answer({ rows: [{ step: 1, now: NOW }] })).value as Statement;
  };

  test('stands in the text on MySQL if it is words and numbers: parameters take longer than the rows to write', () => {
    const tasks = [1, 2].map((one) => ({ ...newTask({ in: 0 }), reqParam: `{"params":${one}}` }));
    const { text, values } = insertOf(tasks);
    const row = `'app', 'job', 10, '0', ${NOW}, ${NOW}, NULL, ?`;
    expect(oneLine(text)).toContain(`VALUES ( ${row}), ( ${row})`);
    expect(values).toEqual(['{"params":1}', '{"params":2}']);
  });

  test('goes as parameters else', () => {
    const task = { ...newTask({ in: 0 }), applicationName: "it's", redoTaskId: 'what?' };
    const { text, values } = insertOf([task, task]);
    const row = `?, ?, 10, '0', ${NOW}, ${NOW}, NULL, ?`;
    expect(oneLine(text)).toContain(`VALUES ( ${row}), ( ${row})`);
    expect(values).toEqual(["it's", 'what?', '{"params":1}', "it's", 'what?', '{"params":1}']);
  });

  test.each<[string, Partial<NewTask>]>([
    ['application', { applicationName: 'other' }],
    ['type', { redoTaskId: 'other' }],
    ['attempts', { maxAttempts: 3 }],
    ['an end of trying', { tryForever: true }],
    ['due time', { due: { in: 1 } }],
    ['kind of due time', { due: { at: 0 } }],
    ['expiry', { expiry: { in: 1 } }],
  ])('is not what one task alone has: %s', (_, own) => {
    const task = newTask({ in: 0 });
    const { values } = insertOf([task, { ...task, ...own }]);
    expect(values.slice(0, 4)).toEqual(['app', 'job', 10, '{"params":1}']);
    expect(values.length).toBeGreaterThanOrEqual(8);
  });

  test('may have been told by several calls', () => {
    const tasks = [0, 0].map(() => newTask({ at: NOW }, { in: 5 }));
    expect(insertOf(tasks).text).toContain(`'app', 'job', 10`);
  });
});
