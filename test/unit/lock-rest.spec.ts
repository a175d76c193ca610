import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { LockRest } from '../../lib/redrive/lock.rest.js';

describe('a worker that finds the lock row taken', () => {
  let now = 10_000;
  let rest: LockRest;
  beforeEach(() => {
    rest = new LockRest();
    jest.spyOn(performance, 'now').mockImplementation(() => now);
    jest.spyOn(Math, 'random').mockReturnValue(0.5);
  });
  afterEach(() => void jest.restoreAllMocks());

  const rests = (times: number) =>
    Array.from({ length: times }, () => {
      rest.wasTaken();
      return rest.left();
    });

  test('has no reason to wait before', () => {
    expect(rest.left()).toBeLessThanOrEqual(0);
  });

  test('comes back after 3 ms, twice as late each time, within a tenth of a second at last', () => {
    expect(rests(3)).toEqual([3, 6, 12]);
    expect(rests(2_000).at(-1)).toBe(100);
    now += 99;
    expect(rest.left()).toBe(1);
    now += 1;
    expect(rest.left()).toBe(0);
  });

  test('comes back after as long as its last claim took', () => {
    rest.claimed(12);
    expect(rests(3)).toEqual([12, 24, 48]);
    rest.claimed(20);
    expect(rests(2)).toEqual([20, 40]);
    rest.claimed(5_000);
    expect(rests(1)).toEqual([100]);
    rest.claimed(1);
    expect(rests(1)).toEqual([3]);
  });

  test('does not come at the same moment as the others', () => {
    rest.claimed(12);
    jest.mocked(Math.random).mockReturnValueOnce(0).mockReturnValueOnce(1);
    expect(rests(2)).toEqual([6, 36]);
  });

  test('tells how often that was in a row', () => {
    expect([rest.wasTaken(), rest.wasTaken()]).toEqual([1, 2]);
    rest.claimed(12);
    expect(rest.wasTaken()).toBe(1);
  });
});
