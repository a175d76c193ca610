import { afterEach, beforeEach, expect, jest, test } from '@jest/globals';
import { Bell } from '../../lib/redrive/bell.js';
import { Lease } from '../../lib/redrive/lease.js';
import { Overtime } from '../../lib/redrive/overtime.js';
import { TaskContext } from '../../lib/redrive/task.context.js';
import type { RunningTask } from '../../lib/redrive/task.in.hand.js';
import { WorkerLife } from '../../lib/redrive/worker.life.js';
import { heldTask } from '../support/held-task.js';

const WORKER = { id: 'own', applicationName: 'app', host: '', pid: 1, handlers: () => [], lease: 30_000 };

let life: WorkerLife;
let overtime: Overtime;
beforeEach(() => {
  jest.useFakeTimers();
  life = new WorkerLife(WORKER, new Lease(WORKER.lease, () => {}));
  overtime = new Overtime(new Bell());
});
afterEach(() => {
  jest.useRealTimers();
});

function begun(id: number, timeout: number, of = life): RunningTask {
  const running = of.begin(heldTask(id, `within ${timeout}`, { timeout }));
  overtime.watch(of, running);
  return running;
}

const givenUp = (...tasks: readonly RunningTask[]) =>
  tasks.filter(({ signal }) => signal.aborted).map(({ task }) => task.id);

test('each handler is given up when its own time is over, whichever began first', () => {
  const [long, short] = [begun(1, 500), begun(2, 100)];
  jest.advanceTimersByTime(99);
  expect(givenUp(long, short)).toEqual([]);
  jest.advanceTimersByTime(1);
  expect(givenUp(long, short)).toEqual([2]);
  expect(short.outcome).toMatchObject({
    kind: 'failed',
    failure: { message: expect.stringContaining('100 ms') },
  });
  const late = begun(3, 450);
  jest.advanceTimersByTime(399);
  expect(givenUp(long, late)).toEqual([]);
  jest.advanceTimersByTime(1);
  expect(givenUp(long, late)).toEqual([1]);
  jest.advanceTimersByTime(50);
  expect(givenUp(long, late)).toEqual([1, 3]);
  expect([life.active, life.unsettled, life.toSettle]).toEqual([0, 3, 3]);
});

test('a handler that asks for its signal only when it was given up finds it aborted', () => {
  const running = begun(1, 100);
  const context = new TaskContext(running);
  jest.advanceTimersByTime(100);
  expect(context.signal.aborted).toBe(true);
  expect(context.signal.reason).toMatchObject({ message: expect.stringContaining('100 ms') });
  expect(context.signal).toBe(running.signal);
});

test('what has ended in time is left alone, and the first word counts', () => {
  const [ended, hanging] = [begun(1, 100), begun(2, 100)];
  life.end(ended, { kind: 'succeeded' });
  jest.advanceTimersByTime(100);
  expect(givenUp(ended, hanging)).toEqual([2]);
  life.end(hanging, { kind: 'succeeded' });
  expect([ended.outcome?.kind, hanging.outcome?.kind]).toEqual(['succeeded', 'failed']);
});

test('a handler of a life that is over is given up as well', () => {
  const former = begun(1, 100);
  life.over = true;
  const next = new WorkerLife(WORKER, new Lease(WORKER.lease, () => {}));
  jest.advanceTimersByTime(60);
  const present = begun(1, 100, next);
  jest.advanceTimersByTime(40);
  expect(givenUp(former)).toEqual([1]);
  expect(givenUp(present)).toEqual([]);
  jest.advanceTimersByTime(60);
  expect(givenUp(present)).toEqual([1]);
});

test('no timer is left when nothing runs', () => {
  const [one, other] = [begun(1, 100), begun(2, 300)];
  for (const running of [one, other]) life.end(running, { kind: 'succeeded' });
  jest.advanceTimersByTime(100);
  expect(jest.getTimerCount()).toBe(0);
});
