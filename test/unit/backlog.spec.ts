import { expect, test } from '@jest/globals';
import type { RedoHandlerRegistry } from '../../lib/handlers/handler.registry.js';
import { resolveOptions } from '../../lib/redo.options.js';
import { Backlog } from '../../lib/redrive/backlog.js';
import { DatabaseClock } from '../../lib/redrive/database.clock.js';
import type { WorkerLife } from '../../lib/redrive/worker.life.js';
import { type FreeSight, NOBODY_ELSE } from '../../lib/store/free.sight.js';

test('beside what waits there is room for more than can run at once, but for what is held', () => {
  const registry = { handled: () => ({}) } as unknown as RedoHandlerRegistry;
  const options = resolveOptions('app', { concurrency: 10, batchSize: 30 });
  const backlog = new Backlog(options, registry, new DatabaseClock());
  const waiting = (held: number) =>
    backlog.waiting({
      held: new Map(Array.from({ length: held }, (_, id) => [id, {}])),
    } as unknown as WorkerLife);
  expect(waiting(0)).toEqual({ types: new Set(), room: 20 });
  backlog.expect('job');
  backlog.expect('later', 60_000);
  expect(waiting(15)).toEqual({ types: new Set(['job']), room: 5 });
  backlog.rememberPaused(new Set(['job']), 1);
  expect(waiting(0).types).toEqual(new Set());
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
