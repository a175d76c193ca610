import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { Backoff, BackoffSchedule } from '../../lib/handlers/redo-policy.js';
import { failureOf } from '../../lib/redrive/failure.js';
import type { Outcome } from '../../lib/redrive/outcome.js';
import {
  delayAfter,
  settlementOf,
  settlementOfExhausted,
  settlementOfUndecodable,
} from '../../lib/redrive/retry.policy.js';
import type { ClaimedTask, StoredError } from '../../lib/store/task.row.js';

const HOUR = 3_600_000;
const TEN_YEARS = 315_576_000_000;
const error = new Error('partner is down');
const stamp = { time: 1_000_000, host: 'node-1' };
const backoff: Backoff = { type: 'fixed', delay: 500 };

const task = (part: Partial<ClaimedTask> = {}): ClaimedTask => ({
  id: 7,
  redoTaskId: 'notify',
  params: {},
  reqParam: '{"params":{}}',
  execTimes: 2,
  maxAttempts: 5,
  addTime: 0,
  expireTime: null,
  errors: [],
  ...part,
});
const past: StoredError = { attempt: 2, message: 'earlier', stack: null, time: 5, host: 'node-2' };
const failed: Outcome = { kind: 'failed', failure: failureOf(error) };

describe('delayAfter', () => {
  /** The middle of the jitter's range. */
  const delays = (given: Backoff, attempts = [1, 2, 3, 4, 12, 40, 5_000]) =>
    attempts.map((attempt) => delayAfter(attempt, error, given, 0.5));

  test('fixed: always the delay', () => {
    expect(delays({ type: 'fixed', delay: 700 })).toEqual(Array(7).fill(700));
    expect(delays({ type: 'fixed', delay: 0 })).toEqual(Array(7).fill(0));
  });

  test('linear: delay × attempt', () => {
    expect(delays({ type: 'linear', delay: 100 })).toEqual([100, 200, 300, 400, 1_200, 4_000, 500_000]);
  });

  test('exponential: delay × 2^(attempt − 1), up to an hour unless told otherwise', () => {
    const expected = [1_000, 2_000, 4_000, 8_000, 2_048_000, HOUR, HOUR];
    expect(delays({ type: 'exponential', delay: 1_000 })).toEqual(expected);
    expect(delays({ type: 'exponential', delay: 0 })).toEqual(Array(7).fill(0));
  });

  test('maxDelay is the ceiling, ten years above all', () => {
    const expected = [1_000, 2_000, 4_000, 5_000, 5_000, 5_000, 5_000];
    expect(delays({ type: 'exponential', delay: 1_000, maxDelay: 5_000 })).toEqual(expected);
    expect(delays({ type: 'linear', delay: 100, maxDelay: 250 }, [1, 2, 3])).toEqual([100, 200, 250]);
    expect(delays({ type: 'fixed', delay: 100, maxDelay: 10 }, [1])).toEqual([10]);
    expect(delays({ type: 'linear', delay: TEN_YEARS }, [1, 2])).toEqual([TEN_YEARS, TEN_YEARS]);
    expect(delays({ type: 'exponential', delay: 1, maxDelay: TEN_YEARS }, [100])).toEqual([TEN_YEARS]);
  });

  test('jitter spreads each delay evenly over ± that share of it', () => {
    const jittered: Backoff = { type: 'fixed', delay: 1_000, jitter: 0.2 };
    expect([0, 0.25, 0.5, 1].map((random) => delayAfter(1, error, jittered, random))).toEqual([
      800, 900, 1_000, 1_200,
    ]);
    expect(delayAfter(1, error, { ...jittered, jitter: 1 }, 0)).toBe(0);
    expect(delayAfter(1, error, { ...jittered, jitter: 0 }, 0)).toBe(1_000);
  });

  test('whatever the schedule: an integer within the jitter of the ceiling, never below 0', () => {
    const schedule = fc.record(
      {
        type: fc.constantFrom('fixed', 'linear', 'exponential'),
        delay: fc.integer({ min: 0, max: TEN_YEARS }),
        maxDelay: fc.integer({ min: 0, max: TEN_YEARS }),
        jitter: fc.double({ min: 0, max: 1, noNaN: true }),
      },
      { requiredKeys: ['type', 'delay'] },
    ) as fc.Arbitrary<BackoffSchedule>;
    const random = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
    fc.assert(
      fc.property(schedule, fc.integer({ min: 1, max: 2_147_483_647 }), random, (given, attempt, at) => {
        const delay = delayAfter(attempt, error, given, at);
        const ceiling = (given.maxDelay ?? TEN_YEARS) * (1 + (given.jitter ?? 0));
        expect(Number.isSafeInteger(delay)).toBe(true);
        expect(delay).toBeGreaterThanOrEqual(0);
        expect(delay).toBeLessThanOrEqual(Math.min(TEN_YEARS, Math.ceil(ceiling)));
      }),
    );
  });

  test('a function is asked, with the attempt and the error', () => {
    const asked: unknown[] = [];
    const ask: Backoff = (...args) => asked.push(args) * 1_234.4;
    expect(delayAfter(3, error, ask, 0.5)).toBe(1_234);
    expect(asked).toEqual([[3, error]]);
    expect(delayAfter(1, error, () => 0)).toBe(0);
    expect(delayAfter(1, error, () => 1e300)).toBe(TEN_YEARS);
  });

  const throws = () => {
    throw new Error('bug');
  };
  test.each<[string, () => unknown]>([
    ['throws', throws],
    ['returns NaN', () => NaN],
    ['returns something negative', () => -1],
    ['returns Infinity', () => Infinity],
    ['returns nothing', () => undefined],
    ['returns text', () => '500'],
    ['returns a promise', () => Promise.resolve(500)],
  ])('a function that %s falls back to the default schedule', (_, broken) => {
    const used = broken as () => number;
    expect([1, 2, 3].map((attempt) => delayAfter(attempt, error, used, 0.5))).toEqual([1_000, 2_000, 4_000]);
  });
});

describe('settlementOf', () => {
  const settle = (outcome: Outcome, part: Partial<ClaimedTask> = {}) =>
    settlementOf(task(part), outcome, { backoff }, stamp);
  const counted = { id: 7, before: 2, execTimes: 3 };

  test('succeeded: the attempt is counted', () => {
    expect(settle({ kind: 'succeeded' })).toEqual({ kind: 'succeeded', ...counted });
  });

  test('failed with attempts left: again after the back-off, the error kept', () => {
    const again = settle(failed, { errors: [past] });
    expect(again).toEqual({
      kind: 'again',
      ...counted,
      delay: 500,
      errors: expect.any(String),
      error: {
        attempt: 3,
        message: 'partner is down',
        stack: expect.stringContaining('partner is down'),
        ...stamp,
      },
    });
    expect(JSON.parse((again as { errors: string }).errors)).toEqual([
      past,
      { attempt: 3, message: 'partner is down', stack: expect.stringContaining('partner is down'), ...stamp },
    ]);
  });

  test('failed at the last attempt, or past it: dead, EXHAUSTED', () => {
    for (const execTimes of [4, 5, 9])
      expect(settle(failed, { execTimes })).toMatchObject({
        kind: 'dead',
        reason: 'EXHAUSTED',
        detail: 'partner is down',
        before: execTimes,
        execTimes: execTimes + 1,
      });
  });

  test('failed without a limit: always again', () => {
    expect(settle(failed, { maxAttempts: null, execTimes: 1_000_000 })).toMatchObject({ kind: 'again' });
  });

  test('failed with an expiry before the next attempt: due at the expiry', () => {
    expect(settle(failed, { expireTime: stamp.time + 100 })).toMatchObject({ kind: 'again', delay: 100 });
    expect(settle(failed, { expireTime: stamp.time - 100 })).toMatchObject({ kind: 'again', delay: 0 });
    expect(settle(failed, { expireTime: stamp.time + HOUR })).toMatchObject({ kind: 'again', delay: 500 });
  });

  test('postponed: again after that time, the attempt not counted, errors kept, also at the last attempt', () => {
    expect(settle({ kind: 'postponed', delay: 60_000 }, { errors: [past], execTimes: 4 })).toEqual({
      kind: 'again',
      id: 7,
      before: 4,
      execTimes: 4,
      delay: 60_000,
      errors: JSON.stringify([past]),
    });
  });

  test('discarded: dead, DISCARDED, with the reason', () => {
    expect(settle({ kind: 'discarded', reason: 'withdrawn' })).toEqual({
      kind: 'dead',
      ...counted,
      reason: 'DISCARDED',
      detail: 'withdrawn',
      errors: null,
    });
  });

  test('aborted by a shutdown: nothing', () => {
    expect(settle({ kind: 'aborted' })).toBeUndefined();
  });

  test('keeps the last 10 errors', () => {
    const errors = Array.from({ length: 10 }, (_, index) => ({ ...past, attempt: index + 1 }));
    const again = settle(failed, { errors, execTimes: 10, maxAttempts: null }) as { errors: string };
    const kept = JSON.parse(again.errors) as StoredError[];
    expect(kept.map(({ attempt }) => attempt)).toEqual([2, 3, 4, 5, 6, 7, 8, 9, 10, 11]);
  });

  test('cuts long texts by characters, not by halves of them', () => {
    const long = '💥'.repeat(5_000);
    const dead = settle({ kind: 'failed', failure: failureOf(new Error(long)) }, { execTimes: 4 });
    expect((dead as { detail: string }).detail).toBe('💥'.repeat(1_000));
    const [kept] = JSON.parse((dead as { errors: string }).errors) as StoredError[];
    expect(kept?.message).toBe('💥'.repeat(2_000));
    expect(settle({ kind: 'discarded', reason: long })).toMatchObject({ detail: '💥'.repeat(1_000) });
  });

  test('whatever the handler threw, there is a settlement whose texts fit', () => {
    const anything = fc.anything({ withBigInt: true, withDate: true, withNullPrototype: true });
    fc.assert(
      fc.property(anything, (thrown) => {
        const again = settle({ kind: 'failed', failure: failureOf(thrown) }) as {
          kind: string;
          errors: string;
        };
        expect(again.kind).toBe('again');
        const [kept] = JSON.parse(again.errors) as StoredError[];
        expect([...kept!.message].length).toBeLessThanOrEqual(2_000);
      }),
    );
  });
});

describe('settlementOfExhausted', () => {
  test('a task that is claimed with no attempt left is dead, its count kept', () => {
    expect(settlementOfExhausted(task({ execTimes: 5, errors: [past] }))).toEqual({
      kind: 'dead',
      id: 7,
      before: 5,
      execTimes: 5,
      reason: 'EXHAUSTED',
      detail: 'earlier',
      errors: JSON.stringify([past]),
    });
    expect(settlementOfExhausted(task({ execTimes: 8 }))).toMatchObject({ execTimes: 8, detail: null });
  });

  test('one with an attempt left, or without a limit, is not', () => {
    expect(settlementOfExhausted(task({ execTimes: 4 }))).toBeUndefined();
    expect(settlementOfExhausted(task({ execTimes: 900, maxAttempts: null }))).toBeUndefined();
  });
});

test('settlementOfUndecodable parks, charges nothing and keeps the reason', () => {
  const parked = settlementOfUndecodable(task({ errors: [past] }), 'not JSON', stamp);
  expect(parked).toEqual({
    kind: 'parked',
    id: 7,
    before: 2,
    execTimes: 2,
    errors: expect.any(String),
    error: { attempt: 2, message: 'not JSON', stack: null, ...stamp },
  });
  expect(JSON.parse((parked as { errors: string }).errors)).toEqual([
    past,
    { attempt: 2, message: 'not JSON', stack: null, ...stamp },
  ]);
});
