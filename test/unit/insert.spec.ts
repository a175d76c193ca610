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
const textOf = (statement: unknown) => (statement as Statement).text;

describe('the time at which tasks are added', () => {
  test('MySQL is asked for it before many are, and each row has it as a number', () => {
    const work = insertTasks(mysqlDialect, [newTask({ in: 0 }), newTask({ in: 5_000 }, { in: 60_000 })]);
    expect(textOf(work.next().value)).toMatch(/^SELECT @@auto_increment_increment .* UTC_TIMESTAMP/);
    const insert = work.next(answer({ rows: [{ step: 2, now: `${NOW}` }] })).value as Statement;
    expect(insert.text).not.toContain('TIMESTAMP');
    const row = ['app', 'job', 10, '0', '{"params":1}', NOW];
    expect(insert.values).toEqual([...row, NOW, null, ...row, NOW, 5_000, NOW, 60_000, NOW, 60_000]);
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
