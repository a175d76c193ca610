import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { share } from '../../lib/store/claim.js';
import { mysqlDialect } from '../../lib/store/mysql.dialect.js';
import type { DueTask } from '../../lib/store/sight.js';
import { inChunks, joined, list, literal, sql } from '../../lib/store/sql.js';
import { decodeErrors, decodeTask, limitOf, type TaskRow, withError } from '../../lib/store/task.row.js';

describe('sql', () => {
  test('what stands in ${} becomes a parameter', () => {
    expect(sql`SELECT * FROM t WHERE a = ${1} AND b = ${'x'} AND c IS ${null}`).toMatchObject({
      text: 'SELECT * FROM t WHERE a = ? AND b = ? AND c IS ?',
      values: [1, 'x', null],
    });
  });

  test('a statement is spliced in, with its parameters in order', () => {
    const inner = sql`b = ${2}`;
    expect(sql`a = ${1} AND ${inner} AND c IN (${list([3, 4])})`).toMatchObject({
      text: 'a = ? AND b = ? AND c IN (?, ?)',
      values: [1, 2, 3, 4],
    });
    expect(joined([sql`a = ${1}`, sql`b = ${2}`], ' OR ')).toMatchObject({
      text: 'a = ? OR b = ?',
      values: [1, 2],
    });
  });

  test('a long list is cut on MariaDB, which makes a table of 1,000 values', () => {
    const values = Array.from({ length: 1_001 }, (_, index) => 2 * index);
    const statement = mysqlDialect.idIsAmong(values);
    expect(statement.text.split(' OR ').map((part) => part.split('?').length - 1)).toEqual([500, 500, 1]);
    expect(statement.values).toEqual(values);
    expect(mysqlDialect.idIsAmong([7, 8])).toMatchObject({ text: '(id IN (?, ?))', values: [7, 8] });
  });

  test('100 ids or more in a row are a range that ends before the last of them', () => {
    const from = (first: number, count: number) => Array.from({ length: count }, (_, index) => first + index);
    expect(mysqlDialect.idIsAmong(from(7, 100).reverse())).toMatchObject({
      text: '(id BETWEEN ? AND ? OR id = ?)',
      values: [7, 105, 106],
    });
    expect(mysqlDialect.idIsAmong(from(7, 99)).text).toMatch(/^\(id IN \(/);
    const mixed = [...from(7, 100), 200, 201, ...from(300, 150)];
    expect(mysqlDialect.idIsAmong(mixed)).toMatchObject({
      text: '((id BETWEEN ? AND ? OR id = ? OR id BETWEEN ? AND ? OR id = ?) OR (id IN (?, ?)))',
      values: [7, 105, 106, 300, 448, 449, 200, 201],
    });
    const [ranges, list] = mysqlDialect.lockFreeTasks(sql`id`, mixed);
    expect(ranges!.values).toEqual([7, 105, 106, 300, 448, 449]);
    expect(list!.values).toEqual(['[200,201]']);
  });

  test('parameters are numbered in the order of their values where a driver wants that, however statements are nested', () => {
    const inner = joined([sql`b = ${2}`, sql`c IN (${list([3, 4])})`], ' AND ');
    const statement = sql`SELECT '?', '$1' FROM t WHERE a = ${1} AND ${inner} LIMIT ${5}`;
    expect(statement.numberedText).toBe(
      `SELECT '?', '$1' FROM t WHERE a = $1 AND b = $2 AND c IN ($3, $4) LIMIT $5`,
    );
    expect(statement.values).toEqual([1, 2, 3, 4, 5]);
    expect(sql`SELECT 1`.numberedText).toBe('SELECT 1');
  });

  test('no value reaches the text, not even one that looks like a statement', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.integer(), (text, number) => {
        const statement = sql`x = ${text}, y = ${number}, z IN (${list([text])})`;
        expect(statement.text).toBe('x = ?, y = ?, z IN (?)');
        expect(statement.numberedText).toBe('x = $1, y = $2, z IN ($3)');
        expect(statement.values).toEqual([text, number, text]);
      }),
    );
  });

  test('but by `literal`, and that lets nothing pass but words and whole numbers', () => {
    const textOf = (value: string | number | null) => sql`x = ${literal(value)}`.text;
    for (const word of ['order.notify-partner', 'Job_7', '7', 'NULL'])
      expect(textOf(word)).toBe(`x = '${word}'`);
    for (const number of [0, 10, 1_700_000_000_000]) expect(textOf(number)).toBe(`x = ${number}`);
    for (const value of [
      null,
      '',
      'a b',
      "'",
      '?',
      'a\n',
      'a:b',
      '\u00e9',
      '\\',
      -1,
      0.5,
      NaN,
      Infinity,
      1e300,
    ])
      expect(sql`x = ${literal(value)}`).toMatchObject({ text: 'x = ?', values: [value] });
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        expect(textOf(text)).toMatch(/^x = (\?|'[A-Za-z0-9_.-]+')$/);
      }),
    );
  });

  test('what goes into many others is spliced once, with its parameters', () => {
    const inner = sql`a = ${1} AND ${sql`b = ${2}`}`.inOnePiece;
    expect(sql`${inner} OR ${inner} OR c = ${3}`).toMatchObject({
      text: 'a = ? AND b = ? OR a = ? AND b = ? OR c = ?',
      values: [1, 2, 1, 2, 3],
    });
  });

  test('nothing passes for a statement but what `sql` has made: the build refuses it', () => {
    const forged = { text: 'DROP TABLE t', values: [] };
    // @ts-expect-error: an object of another make; without the compiler it would be a mere value
    expect(sql`x = ${forged}`.text).toBe('x = ?');
    // @ts-expect-error: the same, as one of several
    const inARow = () => joined([forged], ', ');
    // @ts-expect-error: a separator is one of a few texts
    const separated = () => joined([sql`a`, sql`b`], '; DROP TABLE t; ');
    // @ts-expect-error: a string is no template
    const bare = () => sql('DROP TABLE t');
    expect([inARow, separated, bare]).toHaveLength(3);
  });

  test('an empty list is an error here, not in the database', () => {
    expect(() => list([])).toThrow(RangeError);
  });

  test('inChunks cuts, in order, none empty', () => {
    expect([...inChunks([1, 2, 3, 4, 5], 2)]).toEqual([[1, 2], [3, 4], [5]]);
    expect([...inChunks([1, 2], 2)]).toEqual([[1, 2]]);
    expect([...inChunks([], 2)]).toEqual([]);
    expect([...inChunks([6, 4, 1, 20, 1], 9, (item) => item * 100_000)]).toEqual([[6, 4], [1], [20], [1]]);
  });
});

describe('share', () => {
  const tasks = (redoTaskId: string, ids: readonly number[]): DueTask[] =>
    ids.map((id) => ({ id, redoTaskId, dueTime: 1, expired: false }));
  const deal = (
    due: Record<string, number[]>,
    total: number,
    perType: Record<string, number> = {},
    lastServed?: string,
  ) => {
    const names = Object.keys(due);
    const { dealt, more } = share(new Map(names.map((name) => [name, tasks(name, due[name]!)])), {
      total,
      perType: new Map(names.map((name) => [name, perType[name] ?? total])),
      lastServed,
    });
    return { dealt: dealt.map(({ redoTaskId, id }) => `${redoTaskId}${id}`), more: [...more.keys()].sort() };
  };

  test('deals one each in turn, the longest due first, so that none starves another', () => {
    expect(deal({ a: [1, 2, 3, 4, 5, 6], b: [7], c: [8, 9] }, 6)).toEqual({
      dealt: ['a1', 'b7', 'c8', 'a2', 'c9', 'a3'],
      more: ['a'],
    });
  });

  test('deals everything where there is room, and then knows of no more', () => {
    expect(deal({ a: [1, 2], b: [3] }, 10)).toEqual({ dealt: ['a1', 'b3', 'a2'], more: [] });
  });

  test('deals no type more than it has room for', () => {
    const { dealt, more } = deal({ a: [1, 2, 3], b: [4, 5, 6] }, 10, { a: 1 });
    expect(dealt).toEqual(['a1', 'b4', 'b5', 'b6']);
    expect(more).toEqual(['a']);
  });

  test('goes on after the type that was served last', () => {
    expect(deal({ a: [1], b: [2], c: [3] }, 1, {}, 'a').dealt).toEqual(['b2']);
    expect(deal({ a: [1], b: [2], c: [3] }, 2, {}, 'b').dealt).toEqual(['c3', 'a1']);
    expect(deal({ a: [1], b: [2], c: [3] }, 1, {}, 'c').dealt).toEqual(['a1']);
  });

  test('without room deals nothing', () => {
    expect(deal({ a: [1] }, 0)).toEqual({ dealt: [], more: ['a'] });
  });

  test('one place at a time serves every type within as many turns as there are types', () => {
    const due = { a: [1, 2, 3, 4], b: [5, 6], c: [7], d: [8, 9] };
    const served = new Set<string>();
    let lastServed: string | undefined;
    for (let turn = 0; turn < 4; turn += 1) {
      const [one] = deal(due, 1, {}, lastServed).dealt;
      lastServed = one![0]!;
      served.add(lastServed);
    }
    expect([...served].sort()).toEqual(['a', 'b', 'c', 'd']);
  });

  test('whatever is due: as many as there is room for, none twice, fair to within one', () => {
    const sizes = fc.dictionary(fc.constantFrom('a', 'b', 'c', 'd', 'e'), fc.integer({ min: 1, max: 20 }));
    fc.assert(
      fc.property(sizes, fc.integer({ min: 0, max: 60 }), (given, total) => {
        const due = new Map(
          Object.entries(given).map(([type, size], at) => [
            type,
            tasks(
              type,
              Array.from({ length: size }, (_, index) => 100 * at + index),
            ),
          ]),
        );
        const perType = new Map([...due.keys()].map((type) => [type, total]));
        const { dealt, more } = share(due, { total, perType, lastServed: undefined });
        const all = [...due.values()].reduce((sum, { length }) => sum + length, 0);
        expect(dealt).toHaveLength(Math.min(total, all));
        expect(new Set(dealt.map(({ id }) => id)).size).toBe(dealt.length);
        const count = (type: string) => dealt.filter(({ redoTaskId }) => redoTaskId === type).length;
        const most = Math.max(0, ...[...due.keys()].map(count));
        for (const [type, place] of more)
          expect(place).toEqual(dealt.findLast(({ redoTaskId }) => redoTaskId === type));
        for (const [type, { length }] of due) {
          // Who got less than another by more than one turn has nothing left.
          if (count(type) < length) {
            expect(count(type)).toBeGreaterThanOrEqual(most - 1);
            expect(more.has(type)).toBe(true);
          }
        }
      }),
    );
  });
});

describe('a row of tbl_redotask', () => {
  const row = (part: Partial<Record<keyof TaskRow, unknown>> = {}): TaskRow =>
    ({
      id: '7',
      redo_task_id: 'notify',
      status: 'PENDING',
      max_attempts: 3,
      exec_times: 1,
      try_forever: '0',
      req_param: '{"params":{"a":1}}',
      next_exec_time: '1795434400123',
      expire_time: null,
      add_time: '1795434400000',
      dead_reason: null,
      dead_detail: null,
      dedupe_key: null,
      errors: null,
      ...part,
    }) as TaskRow;

  test('is a task to run, whichever way the driver gives its numbers', () => {
    const expected = {
      kind: 'runnable',
      task: {
        id: 7,
        redoTaskId: 'notify',
        params: { a: 1 },
        reqParam: '{"params":{"a":1}}',
        execTimes: 1,
        maxAttempts: 3,
        addTime: 1_795_434_400_000,
        expireTime: 1_795_434_400_999,
        errors: [],
      },
    };
    expect(decodeTask(row({ expire_time: '1795434400999' }))).toEqual(expected);
    const asNumbers = { id: 7, add_time: 1_795_434_400_000, expire_time: 1_795_434_400_999 };
    expect(decodeTask(row(asNumbers))).toEqual(expected);
  });

  test('keeps what JSON holds, also under a key that is special to JavaScript', () => {
    const decoded = decodeTask(row({ req_param: '{"params":{"__proto__":{"admin":true},"constructor":1}}' }));
    const params = decoded.task.params as object;
    expect(Object.keys(params)).toEqual(['__proto__', 'constructor']);
    expect((params as { admin?: boolean }).admin).toBeUndefined();
    expect(decodeTask(row({ req_param: '{"__proto__":{"params":1}}' })).kind).toBe('undecodable');
  });

  test('whatever is in it: a task to run or one that can’t be decoded, never an error', () => {
    const text = fc.option(
      fc.oneof(
        fc.string(),
        fc.json(),
        fc.json().map((json) => `{"params":${json}}`),
        fc.jsonValue().map((value) => JSON.stringify({ params: value }).slice(0, -1)),
      ),
      { nil: null },
    );
    const big = fc.bigInt({ min: 0n, max: 2n ** 63n }).map(String);
    const number = fc.oneof(fc.integer(), fc.maxSafeInteger(), big);
    const odd = fc.oneof(fc.string({ maxLength: 4 }), fc.constantFrom('0', '1'));
    const rows = fc.record({
      id: number,
      req_param: text,
      errors: text,
      max_attempts: fc.option(fc.integer(), { nil: null }),
      exec_times: fc.integer(),
      try_forever: fc.option(odd, { nil: null }),
      expire_time: fc.option(number, { nil: null }),
      add_time: number,
    });
    fc.assert(
      fc.property(rows, (given) => {
        const decoded = decodeTask(row(given));
        expect(['runnable', 'undecodable']).toContain(decoded.kind);
        if (decoded.kind === 'undecodable') expect(decoded.reason).not.toBe('');
        expect(Array.isArray(decoded.task.errors)).toBe(true);
        const { maxAttempts } = decoded.task;
        expect(maxAttempts).not.toBe(0);
        if (given.try_forever === '1') expect(maxAttempts).toBeNull();
      }),
      { numRuns: 500 },
    );
  });

  test('limitOf: try_forever wins; no limit where max_attempts is none', () => {
    const limit = (max_attempts: number | null, try_forever: string | null = null) =>
      limitOf({ max_attempts, try_forever });
    expect([limit(3), limit(3, '0'), limit(3, 'x')]).toEqual([3, 3, 3]);
    expect([limit(3, '1'), limit(null), limit(0)]).toEqual([null, null, null]);
  });

  test('its errors: those that are some, and the last 10', () => {
    const error = { attempt: 1, message: 'x', stack: null, time: 5, host: 'h' };
    expect(decodeErrors(JSON.stringify([error, 7, null, { message: 5 }]))).toEqual([error]);
    for (const spoilt of [null, '', '{', '{}', 'null', '"x"']) expect(decodeErrors(spoilt)).toEqual([]);
    const many = Array.from({ length: 15 }, (_, index) => ({ ...error, attempt: index }));
    const kept = JSON.parse(withError(many, { ...error, attempt: 99 })) as { attempt: number }[];
    expect(kept.map(({ attempt }) => attempt)).toEqual([6, 7, 8, 9, 10, 11, 12, 13, 14, 99]);
  });
});
