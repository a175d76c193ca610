import { expect, test } from '@jest/globals';
import type { RedoHandlerRegistry } from '../../lib/handlers/handler.registry.js';
import { resolveOptions } from '../../lib/redo.options.js';
import { Backlog } from '../../lib/redrive/backlog.js';
import { DatabaseClock } from '../../lib/redrive/database.clock.js';
import { type FreeSight, NOBODY_ELSE } from '../../lib/store/free.sight.js';
import type { ClaimedTask } from '../../lib/store/task.row.js';

test('a task that is due again soon may stay in hand, unless it expires about then', () => {
  const clock = new DatabaseClock();
  const backlog = new Backlog(resolveOptions('app', {}), {} as RedoHandlerRegistry, clock);
  const isSoon = (delay: number, expiresIn = Infinity) =>
    backlog.isSoon(
      { expireTime: expiresIn === Infinity ? null : clock.now() + expiresIn } as ClaimedTask,
      delay,
    );
  expect([isSoon(0), isSoon(50), isSoon(51)]).toEqual([true, true, false]);
  expect([isSoon(1, 40), isSoon(1, 3_600_000)]).toEqual([false, true]);
});

test('a look whose answer comes late does not forget a pause that was read after it', () => {
  const backlog = new Backlog(resolveOptions('app', {}), {} as RedoHandlerRegistry, new DatabaseClock());
  const sees = (paused: readonly string[], knocks: number) =>
    backlog.remember(
      { paused: new Set(paused), knocks, elsewhere: NOBODY_ELSE } as unknown as FreeSight,
      backlog.epoch,
    );
  sees([], 1);
  expect(backlog.unpausedUntil('job')).toBe(1);
  backlog.rememberPaused(new Set(['job']), 2);
  sees([], 1);
  expect(backlog.unpausedUntil('job')).toBeUndefined();
  sees([], 2);
  expect(backlog.unpausedUntil('job')).toBe(2);
});
