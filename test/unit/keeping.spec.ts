import { expect, test } from '@jest/globals';
import type { ResolvedPolicy } from '../../lib/handlers/redo-policy.js';
import { keepsWhatIsSoon, type Waiting } from '../../lib/redrive/keeping.js';
import { RunningTask } from '../../lib/redrive/task.in.hand.js';
import type { Settlement } from '../../lib/store/settlement.js';
import { heldTask } from '../support/held-task.js';

const NOW = 1_800_000_000_000;
const NOTHING: Waiting = { types: new Set(), room: 0 };
const waits = (types: readonly string[], room = Infinity): Waiting => ({ types: new Set(types), room });
const again = (delay: number): Settlement => ({
  kind: 'again',
  id: 1,
  before: 0,
  execTimes: 1,
  delay,
  errors: null,
});

interface Ended {
  expiresIn?: number;
  wasKept?: boolean;
  tries?: number;
  policy?: Partial<ResolvedPolicy>;
}

function ended({ expiresIn, wasKept = false, tries = 1, policy }: Ended = {}): RunningTask {
  const held = heldTask(1, 'job', policy);
  const expireTime = expiresIn === undefined ? null : NOW + expiresIn;
  const running = new RunningTask(
    { ...held, task: { ...held.task, expireTime }, ...(wasKept ? { dueAt: 0 } : {}) },
    Infinity,
  );
  running.tries = tries;
  return running;
}

const keeps = (waiting: Waiting, what: Ended = {}, settlement: Settlement = again(1)) =>
  keepsWhatIsSoon(waiting, NOW)(ended(what), settlement);

test('what is tried again within 50 ms stays, unless it expires about then', () => {
  expect([0, 50, 51].map((delay) => keeps(NOTHING, {}, again(delay)))).toEqual([true, true, false]);
  expect([40, 51].map((expiresIn) => keeps(NOTHING, { expiresIn }))).toEqual([false, true]);
  expect(keeps(NOTHING, {}, { kind: 'succeeded', id: 1, before: 0, execTimes: 1 })).toBe(false);
  expect(keepsWhatIsSoon(NOTHING, NOW)(heldTask(1), again(1))).toBe(false);
});

test('what may have been committed before does not: somebody else may have it', () => {
  expect(keeps(NOTHING, { tries: 2 })).toBe(false);
});

test('while nothing else waits it stays as often as it likes, and with a limit of its type too', () => {
  expect(keeps(NOTHING, { wasKept: true, policy: { concurrency: 1 } })).toBe(true);
});

test('while others of its type wait it stays once, and only where slots are no type’s own', () => {
  const others = waits(['job']);
  expect(keeps(others)).toBe(true);
  expect(keeps(others, { wasKept: true })).toBe(false);
  expect(keeps(others, { policy: { concurrency: 10 } })).toBe(false);
});

test('while other types wait it does not stay', () => {
  expect([['other'], ['job', 'other']].map((types) => keeps(waits(types)))).toEqual([false, false]);
});

test('beside others only as many stay as there is room for', () => {
  const two = keepsWhatIsSoon(waits(['job'], 2), NOW);
  const asked = [again(60_000), again(1), again(1), again(1)].map((settlement) => two(ended(), settlement));
  expect(asked).toEqual([false, true, true, false]);
  expect(keeps(waits(['job'], -1))).toBe(false);
});
