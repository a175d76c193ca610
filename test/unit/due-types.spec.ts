import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { DueTypes } from '../../lib/redrive/due.types.js';

describe('DueTypes', () => {
  let due: DueTypes;
  const now = () => [...due.now()].sort();

  beforeEach(() => {
    jest.useFakeTimers();
    due = new DueTypes(60_000);
  });
  afterEach(() => {
    jest.useRealTimers();
  });

  test('knows nothing at first', () => {
    expect(now()).toEqual([]);
    expect(due.next()).toBe(Infinity);
  });

  test('a marked type is due until it is cleared', () => {
    due.mark('a');
    due.mark('b');
    due.mark('a');
    expect(now()).toEqual(['a', 'b']);
    due.clear('a');
    expect(now()).toEqual(['b']);
  });

  test('one marked for later is due then, not before', () => {
    due.markIn('a', 1_000);
    expect(now()).toEqual([]);
    const wait = due.next();
    expect(wait).toBeGreaterThan(1_000);
    expect(wait).toBeLessThan(1_010);
    jest.advanceTimersByTime(1_000);
    expect(now()).toEqual([]);
    jest.advanceTimersByTime(10);
    expect(due.next()).toBeLessThanOrEqual(0);
    expect(now()).toEqual(['a']);
    expect(due.next()).toBe(Infinity);
  });

  test('the next moment is the soonest', () => {
    due.markIn('late', 30_000);
    due.markIn('soon', 50);
    due.markIn('later', 59_000);
    expect(due.next()).toBeLessThan(60);
    jest.advanceTimersByTime(60);
    expect(now()).toEqual(['soon']);
    expect(due.next()).toBeGreaterThan(29_900);
    jest.advanceTimersByTime(60_000);
    expect(now()).toEqual(['late', 'later', 'soon']);
  });

  test('clearing what is due now leaves what is due later', () => {
    due.mark('a');
    due.markIn('a', 100);
    due.clear('a');
    expect(now()).toEqual([]);
    jest.advanceTimersByTime(110);
    expect(now()).toEqual(['a']);
  });

  test('what lies beyond the horizon is left to the schedule', () => {
    due.markIn('a', 60_001);
    expect(due.next()).toBe(Infinity);
    jest.advanceTimersByTime(120_000);
    expect(now()).toEqual([]);
  });

  test('moments that are close are served together', () => {
    for (let index = 0; index < 10_000; index += 1) due.markIn(`type ${index % 10}`, 1_000 + (index % 3));
    jest.advanceTimersByTime(1_010);
    expect(now()).toHaveLength(10);
    expect(due.next()).toBe(Infinity);
  });
});
