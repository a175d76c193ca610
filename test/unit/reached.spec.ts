import { describe, expect, test } from '@jest/globals';
import {
  encodeReached,
  farthest,
  isFresh,
  isNews,
  type ReachedPlace,
  withTaken,
} from '../../lib/store/reached.js';

const NOW = 50_000;
const place = (dueTime: number, id: number, since = NOW): ReachedPlace => ({ dueTime, id, since });
const row = (type: string, at: ReachedPlace) => encodeReached(new Map([[type, at]]));

describe('how far claims have come', () => {
  test('is the later place of any two, by due time and then by id', () => {
    const rows = [
      row('pay', place(5, 9)),
      null,
      row('pay', place(6, 1)),
      row('pay', place(6, 3)),
      row('ship', place(1, 1)),
    ];
    expect(farthest(rows, NOW)).toEqual(
      new Map([
        ['pay', place(6, 3)],
        ['ship', place(1, 1)],
      ]),
    );
    expect(farthest(rows.toReversed(), NOW).get('pay')).toEqual(place(6, 3));
  });

  test('is what a claim took last, since when somebody looked from the start', () => {
    const before = new Map([['pay', place(5, 9, NOW - 300)]]);
    const taken = [
      { redoTaskId: 'pay', dueTime: 6, id: 1 },
      { redoTaskId: 'ship', dueTime: 2, id: 4 },
      { redoTaskId: 'pay', dueTime: 6, id: 2 },
    ];
    expect(withTaken(before, taken, NOW)).toEqual(
      new Map([
        ['pay', place(6, 2, NOW - 300)],
        ['ship', place(2, 4, NOW)],
      ]),
    );
  });

  test('never goes back, whatever a claim that began before it took', () => {
    const before = new Map([['pay', place(5, 9, NOW - 300)]]);
    expect(withTaken(before, [{ redoTaskId: 'pay', dueTime: 5, id: 8 }], NOW)).toEqual(before);
  });

  test('holds for a second, and not before it was so', () => {
    expect([0, 999, 1_000].map((age) => isFresh(place(1, 1, NOW), NOW + age))).toEqual([true, true, false]);
    expect(farthest([row('pay', place(1, 1, NOW + 1))], NOW).size).toBe(0);
  });

  test('is news at the moment at which somebody has looked from the start', () => {
    const reached = new Map([
      ['pay', place(1, 1, NOW - 1)],
      ['ship', place(1, 1, NOW)],
    ]);
    expect([isNews(reached, NOW), isNews(reached, NOW + 1), isNews(new Map(), NOW)]).toEqual([
      true,
      false,
      false,
    ]);
  });

  test.each([
    '',
    '{',
    'null',
    '7',
    '[]',
    '[7]',
    '{"pay":null}',
    '{"pay":[1,2]}',
    '{"pay":["1",2,3]}',
    '{"pay":[1,2.5,3]}',
  ])('is not told by what somebody spoilt: %s', (text) => {
    expect(farthest([text], NOW).size).toBe(0);
    expect(farthest([text, row('pay', place(1, 1))], NOW).size).toBe(1);
  });

  test('may be told of types with any name', () => {
    const names = ['__proto__', 'constructor', '', '"'];
    const all = new Map(names.map((name) => [name, place(1, 2)]));
    expect(farthest([encodeReached(all)], NOW)).toEqual(all);
  });
});
