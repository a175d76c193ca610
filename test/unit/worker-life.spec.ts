import { afterEach, beforeEach, expect, jest, test } from '@jest/globals';
import { Lease } from '../../lib/redrive/lease.js';
import { WorkerLife } from '../../lib/redrive/worker.life.js';
import { heldTask } from '../support/held-task.js';

const WORKER = { id: 'own', applicationName: 'app', host: '', pid: 1, handlers: () => [], lease: 30_000 };

let life: WorkerLife;
beforeEach(() => {
  jest.useFakeTimers();
  life = new WorkerLife(WORKER, new Lease(WORKER.lease, () => {}));
});
afterEach(() => {
  jest.useRealTimers();
});

function keep(id: number, delay: number): void {
  const held = heldTask(id);
  const running = life.begin(held);
  life.end(running, { kind: 'postponed', delay });
  life.forget(id);
  life.keep(running, held.task, delay);
}

const next = (free = 10) => life.nextStarts(free).map(({ task }) => task.id);
const begin = () => life.nextStarts(10).forEach((held) => life.begin(held));

test('kept tasks begin when they are due, and it is known when that is', () => {
  expect(life.nextKeptIn()).toBe(Infinity);
  keep(1, 40);
  keep(2, 20);
  keep(3, 30);
  expect([next(), life.nextKeptIn(), life.hasNothingDue]).toEqual([[], 20, true]);
  jest.advanceTimersByTime(20);
  expect([next(), life.hasNothingDue]).toEqual([[2], false]);
  begin();
  expect([next(), life.nextKeptIn()]).toEqual([[], 10]);
  jest.advanceTimersByTime(25);
  expect(next()).toEqual([1, 3]);
  begin();
  expect([next(), life.nextKeptIn()]).toEqual([[], Infinity]);
});

test('what is due and waits for a slot wakes nobody: a handler that ends does', () => {
  keep(1, 20);
  keep(2, 40);
  jest.advanceTimersByTime(30);
  expect([next(0), life.nextKeptIn()]).toEqual([[], Infinity]);
  expect([next(1), next(2), life.nextKeptIn()]).toEqual([[1], [1], 10]);
});
