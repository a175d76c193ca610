import { setImmediate as turn } from 'node:timers/promises';
import { expect, test } from '@jest/globals';
import { Bell } from '../../lib/redrive/bell.js';

const BETWEEN_TURNS = 3;

/** Whether it is over a few turns of the event loop later. */
async function isOver(rest: Promise<void>): Promise<boolean> {
  let over = false;
  void rest.then(() => (over = true));
  for (let turns = 0; turns < BETWEEN_TURNS; turns += 1) await turn();
  return over;
}

const untilDue = (ms: number): void => {
  const until = performance.now() + ms;
  while (performance.now() < until);
};

test('what rings in one turn wakes once, all who rest', async () => {
  const bell = new Bell();
  const [one, other] = [bell.sleeper(), bell.sleeper()];
  const rests = [one.rest(Infinity), other.rest(60_000)];
  bell.ring();
  bell.ring();
  await Promise.all(rests);
  expect(await isOver(one.rest(Infinity))).toBe(false);
  expect(await isOver(other.rest(60_000))).toBe(false);
  bell.ring();
});

test('what rang while somebody was busy is not slept over', async () => {
  const bell = new Bell();
  const sleeper = bell.sleeper();
  bell.ring();
  expect(await isOver(sleeper.rest(Infinity))).toBe(true);
  expect(await isOver(sleeper.rest(Infinity))).toBe(false);
});

test('a time that is over ends a rest, and rings for nobody else', async () => {
  const bell = new Bell();
  const [one, other] = [bell.sleeper(), bell.sleeper()];
  const rest = other.rest(Infinity);
  await one.rest(1);
  expect(await isOver(rest)).toBe(false);
});

test('a time that is over just as it rings takes nothing of the next ring', async () => {
  const bell = new Bell();
  const sleeper = bell.sleeper();
  const rest = sleeper.rest(1);
  await turn();
  untilDue(5);
  bell.ring();
  setImmediate(() => bell.ring());
  await rest;
  for (let turns = 0; turns < BETWEEN_TURNS; turns += 1) await turn();
  expect(await isOver(sleeper.rest(Infinity))).toBe(true);
});
