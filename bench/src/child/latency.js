import { setTimeout as pause } from 'node:timers/promises';
import { paramsOf } from './params.js';

const latencies = [];

/** From now on handlers note how long ago their task was handed over to be added, ms. */
export async function stampPickUps(queue, counter) {
  counter.reset(({ stamp }) => {
    latencies.push(Number(process.hrtime.bigint() - BigInt(stamp)) / 1e6);
  });
  await queue.go();
}

/** One task at a time, at moments that no schedule knows. */
export async function addStamped(queue, _, { tasks, gap }) {
  for (let sequence = 0; sequence < tasks; sequence += 1) {
    await pause(gap * (0.5 + Math.random()));
    await add(queue, sequence);
  }
}

/** The golden ratio's part after the point: no multiples of another number lie as evenly in 0 to 1 after any count of them. */
const GOLDEN = (Math.sqrt(5) - 1) / 2;

/**
 * One task at a time, at moments that lie evenly over every phase of a schedule's interval (ms). What waits for the schedule waits
 * half an interval by the median, if the phases are even: of 100 random ones the median is 50 ms off in a second by chance.
 * Counted from the start, as the gaps would be longer by what each adding takes.
 */
export async function addStampedEvenly(queue, _, { tasks, interval }) {
  const start = performance.now();
  for (let sequence = 0; sequence < tasks; sequence += 1) {
    const moment = start + (sequence + 1) * GOLDEN * interval;
    await pause(Math.max(1, moment - performance.now()));
    await add(queue, sequence);
  }
}

const add = (queue, sequence) => queue.add({ ...paramsOf(sequence), stamp: String(process.hrtime.bigint()) });

/** Waits for the last of so many and tells them; the next ones are counted anew. */
export async function pickUps(queue, counter, { tasks, limit }) {
  const giveUpAt = performance.now() + limit;
  while (latencies.length < tasks && performance.now() < giveUpAt) await pause(10);
  return latencies.splice(0);
}
