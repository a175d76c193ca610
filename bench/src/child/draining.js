import { setTimeout as pause } from 'node:timers/promises';

/** ms between two looks whether everything is settled. */
const LOOK = 3;

/** How long `tasks` tasks take that are there, from the first handler's begin until the last one is settled. */
export async function drain(queue, counter, { tasks, limit, slow = 0 }) {
  counter.reset(slow > 0 ? () => pause(slow) : undefined);
  await queue.go();
  return settled(queue, counter, tasks, limit);
}

/** Begins to take tasks, for axes that look from outside (`handled`, `left`). */
export async function go(queue, counter, { slow = 0 } = {}) {
  counter.reset(slow > 0 ? () => pause(slow) : undefined);
  await queue.go();
}

export async function rest(queue) {
  await queue.rest();
}

export async function settled(queue, counter, tasks, limit) {
  if (queue.handledCount) return settledElsewhere(queue, tasks, limit);
  const timer = new AbortController();
  const late = pause(limit, 'late', { signal: timer.signal }).catch(() => {});
  const all = await Promise.race([counter.until(tasks), late]);
  timer.abort();
  if (all !== 'late') while (await queue.left()) await pause(LOOK);
  const ms = Number(process.hrtime.bigint() - counter.firstAt) / 1e6;
  return { done: counter.handled, ms };
}

/** Handlers run in processes of the product's own: what it has stored is counted. */
async function settledElsewhere(queue, tasks, limit) {
  const before = await queue.handledCount();
  const start = performance.now();
  let firstAt = 0;
  for (;;) {
    const done = (await queue.handledCount()) - before;
    const now = performance.now();
    if (done > 0 && firstAt === 0) firstAt = now;
    if (done >= tasks || now - start > limit) return { done, ms: now - firstAt };
    await pause(20);
  }
}
