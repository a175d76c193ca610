import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setTimeout as pause } from 'node:timers/promises';

const delays = monitorEventLoopDelay({ resolution: 1 });

export async function handled(_, counter) {
  return { done: counter.handled, firstAt: counter.firstAt };
}

export const left = (queue) => queue.left();

/** Does nothing for so many ms. */
export async function idle(queue, counter, { ms }) {
  counter.reset();
  await queue.go();
  await pause(ms);
}

/** Memory in use, and how late the event loop was since the last look (ms, the 99th of 100). */
export async function memory() {
  const lateP99 = Math.max(0, delays.percentile(99) / 1e6 - 1);
  delays.reset();
  delays.enable();
  const { rss, heapTotal } = process.memoryUsage();
  return { rss, heap: heapTotal, lateP99 };
}
