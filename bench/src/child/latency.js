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
    await queue.add({ ...paramsOf(sequence), stamp: String(process.hrtime.bigint()) });
  }
}

/** Waits for the last of so many and tells them; the next ones are counted anew. */
export async function pickUps(queue, counter, { tasks, limit }) {
  const giveUpAt = performance.now() + limit;
  while (latencies.length < tasks && performance.now() < giveUpAt) await pause(10);
  return latencies.splice(0);
}
