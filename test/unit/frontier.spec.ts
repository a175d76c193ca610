import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { Frontier } from '../../lib/redrive/frontier.js';

describe('where a claim begins to look', () => {
  let now = 10_000;
  beforeEach(() => void jest.spyOn(performance, 'now').mockImplementation(() => now));
  afterEach(() => void jest.restoreAllMocks());

  const place = (dueTime: number) => ({ dueTime, id: 1 });
  const claimAt = (frontier: Frontier, at: number, dueTime: number) => {
    now = at;
    frontier.reached('job', place(dueTime), frontier.after(['job']));
  };
  const after = (frontier: Frontier, at: number) => {
    now = at;
    return frontier.after(['job', 'other']);
  };

  test('is where the last one of its type ended', () => {
    const frontier = new Frontier();
    expect(after(frontier, 10_000)).toEqual(new Map());
    claimAt(frontier, 10_000, 5);
    expect(after(frontier, 10_010)).toEqual(new Map([['job', place(5)]]));
    claimAt(frontier, 10_010, 7);
    expect(after(frontier, 10_020)).toEqual(new Map([['job', place(7)]]));
  });

  test('is the start once a second, however many claims have gone on since', () => {
    const frontier = new Frontier();
    for (let at = 10_000; at < 11_000; at += 100) claimAt(frontier, at, at);
    expect(after(frontier, 10_999)).toEqual(new Map([['job', place(10_900)]]));
    expect(after(frontier, 11_000)).toEqual(new Map());
    claimAt(frontier, 11_000, 1);
    expect(after(frontier, 11_999)).toEqual(new Map([['job', place(1)]]));
  });

  test('is the start for a type of which there is no more, or when everything may be due', () => {
    const frontier = new Frontier();
    claimAt(frontier, 10_000, 5);
    frontier.clear(['other']);
    expect(after(frontier, 10_001).size).toBe(1);
    frontier.clear(['job']);
    expect(after(frontier, 10_001).size).toBe(0);
    claimAt(frontier, 10_000, 5);
    frontier.clear();
    expect(after(frontier, 10_001).size).toBe(0);
  });
});
