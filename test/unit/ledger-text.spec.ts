import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import {
  decodeAll,
  decodeHeld,
  decodeRunning,
  type HeldIds,
  Holding,
  type RunningIds,
} from '../../lib/store/ledger.text.js';

const id = fc.oneof(fc.integer({ min: 1, max: 30 }), fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }));
const type = fc.constantFrom('pay', 'ship', 'constructor');
const held = fc.dictionary(type, fc.uniqueArray(id));
const mark = fc.tuple(id, fc.integer({ min: 1, max: 3 }));
const running = fc.dictionary(type, fc.uniqueArray(mark, { selector: ([task]) => task }));

const byId = (one: readonly number[] | number, other: readonly number[] | number) =>
  Number([one].flat()[0]) - Number([other].flat()[0]);
const sorted = <T extends readonly number[] | number>(all: Readonly<Record<string, readonly T[]>>) =>
  Object.entries(all).map(([key, some]) => [key, [...some].sort(byId)]);

/** A type of which it has nothing is not told. */
const withoutEmpty = <T>(all: Readonly<Record<string, readonly T[]>>) =>
  Object.fromEntries(Object.entries(all).filter(([, some]) => some.length > 0));

function encodeHeld(held: HeldIds): string {
  const holding = new Holding();
  for (const [type, ids] of Object.entries(held)) for (const each of ids) holding.hold(type, each);
  return holding.held;
}

function encodeRunning(running: RunningIds): string {
  const holding = new Holding();
  for (const [type, marks] of Object.entries(running)) for (const mark of marks) holding.run(type, ...mark);
  return holding.running;
}

test('what a worker holds and runs comes back from its row as it was', () => {
  fc.assert(
    fc.property(held, running, (held, running) => {
      expect(sorted(decodeHeld(encodeHeld(held)))).toEqual(sorted(withoutEmpty(held)));
      expect(sorted(decodeRunning(encodeRunning(running)))).toEqual(sorted(withoutEmpty(running)));
    }),
  );
});

test('ids that follow one another are written as one range, those of another attempt as another', () => {
  expect(encodeHeld({ pay: [9, 7, 8, 12] })).toBe('{"pay":["7-9",12]}');
  const marks = [[7, 1], [8, 1], [9, 2], [10, 1]] as const; // prettier-ignore
  expect(encodeRunning({ pay: marks })).toBe('{"pay":[["7-8",1],[10,1],[9,2]]}');
});

test.each(['9-7', '7-', '-7', '7-8-9', 'seven', '1-9007199254740991', '1.5-2'])(
  'a range that makes no sense counts for nothing: %s',
  (range) => {
    expect(decodeHeld(JSON.stringify({ pay: [range, 3] }))).toEqual({ pay: [3] });
    expect(decodeRunning(JSON.stringify({ pay: [[range, 1], [3, 1]] }))).toEqual({ pay: [[3, 1]] }); // prettier-ignore
  },
);

test('what several workers have is the same, told as runs', () => {
  const row = fc.record({ held, running });
  fc.assert(
    fc.property(fc.array(row, { maxLength: 4 }), (rows) => {
      const all = decodeAll(
        rows.map((each) => ({ held: encodeHeld(each.held), running: encodeRunning(each.running) })),
      );
      for (const type of ['pay', 'ship', 'constructor']) {
        const ids = new Set(
          rows.flatMap((each) => [
            ...(Object.hasOwn(each.held, type) ? each.held[type]! : []),
            ...(Object.hasOwn(each.running, type) ? each.running[type]!.map(([task]) => task) : []),
          ]),
        );
        expect(all.get(type)?.size ?? 0).toBe(ids.size);
        for (const each of ids)
          for (const near of [each - 1, each, each + 1])
            expect([near, all.get(type)?.has(near)]).toEqual([near, ids.has(near)]);
      }
    }),
  );
});

test('ids of several workers that follow one another are one run, and what makes no sense counts for nothing', () => {
  const all = decodeAll([
    { held: '{"pay":["7-9",20]}', running: '{"pay":[["10-12",1],[13]]}' },
    { held: '{"pay":[13,8,"9-7"]}', running: 'nothing' },
    { held: null, running: null },
  ]);
  expect(all.get('pay')?.runs).toEqual([
    [7, 13],
    [20, 20],
  ]);
});
