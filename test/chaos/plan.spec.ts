import { describe, expect, test } from '@jest/globals';
import { commandOf } from './command-line.js';
import { kindsOf } from './fault-kinds.js';
import { type Plan, planOf, type PlannedFault } from './plan.js';
import { workload } from './workload.js';

function take<T>(count: number, from: Iterator<T, never>): T[] {
  return Array.from({ length: count }, () => from.next().value);
}

const drawn = ({ lanes, ...rest }: Plan) => ({
  ...rest,
  worker: take(30, lanes.worker),
  server: take(30, lanes.server),
});

describe('the plan of a run', () => {
  test('is the same for the same seed, and another for another', () => {
    expect(drawn(planOf(7, 'mysql'))).toEqual(drawn(planOf(7, 'mysql')));
    expect(drawn(planOf(8, 'mysql'))).not.toEqual(drawn(planOf(7, 'mysql')));
    expect(take(50, workload(7, 'a'))).toEqual(take(50, workload(7, 'a')));
    expect(take(50, workload(8, 'a'))).not.toEqual(take(50, workload(7, 'a')));
    expect(take(50, workload(7, 'b'))).not.toEqual(take(50, workload(7, 'a')));
  });

  test.each(['mysql', 'sqlite'] as const)(
    'has every kind of fault before any comes again, on %s',
    (database) => {
      const { lanes } = planOf(7, database);
      for (const name of ['worker', 'server'] as const) {
        const kinds = kindsOf(name, database);
        for (const round of [1, 2])
          expect([
            round,
            ...take(kinds.length, lanes[name])
              .map(({ kind }) => kind)
              .sort(),
          ]).toEqual([round, ...[...kinds].sort()]);
      }
    },
  );

  test('has only faults that its database can have', () => {
    const { lanes } = planOf(7, 'sqlite');
    expect(new Set(take(20, lanes.server).map(({ kind }) => kind))).toEqual(new Set(['file locked']));
    expect(new Set(take(20, lanes.worker).map(({ kind }) => kind))).toEqual(
      new Set(['worker killed', 'worker paused', 'worker stopped']),
    );
  });

  test('moves the clock of one host, and keeps to the longest fault it was given', () => {
    const { clockSlot, lanes } = planOf(7, 'mysql', 1_000);
    const faults: PlannedFault[] = [...take(60, lanes.worker), ...take(60, lanes.server)];
    for (const { kind, slot, lasts } of faults) {
      expect(lasts).toBeLessThanOrEqual(1_000);
      if (kind === 'clock moved') expect(slot).toBe(clockSlot);
    }
  });

  test('orders every deed, commits and rolls back', () => {
    const transactions = take(2_000, workload(7, 'a'));
    const deeds = new Set(transactions.flatMap(({ orders }) => orders.map(({ deed }) => deed)));
    expect([...deeds].sort()).toEqual([
      'crashes',
      'crashes-once',
      'discards',
      'expires',
      'fails',
      'flaky',
      'hangs',
      'long',
      'postpones',
      'quick',
    ]);
    expect(new Set(transactions.map(({ end }) => end))).toEqual(new Set(['commit', 'roll back', 'detached']));
    const keys = transactions.flatMap(({ orders }) => orders.map(({ key }) => key));
    expect(new Set(keys).size).toBe(keys.length);
  });
});

describe('the command line', () => {
  const draw = () => 42;

  test('names a database, minutes and a seed; the seed is drawn if none is given', () => {
    expect(commandOf(['--database', 'mysql', '--minutes', '2', '--seed', '7'], draw)).toEqual({
      databases: ['mysql'],
      minutes: 2,
      seed: 7,
      short: false,
      keep: false,
    });
    expect(commandOf(['--short', '--keep'], draw)).toMatchObject({ seed: 42, short: true, keep: true });
    expect(commandOf([], draw).databases).toContain('sqlite');
  });

  test.each([
    [['--database', 'oracle'], 'allowed are sqlite'],
    [['--minutes', 'two'], '--minutes two: allowed is a number from'],
    [['--seed', '-1'], '--seed'],
    [['--short', '--minutes', '3'], 'a length of its own'],
    [['--forever'], '--forever'],
  ])('refuses %j and says what is allowed', (args, words) => {
    expect(() => commandOf(args, draw)).toThrow(words);
  });
});
