import { paramsList, paramsOf } from './params.js';

const BATCH = 1_000;

/** Puts tasks in, as fast as the side can; not measured. `kind`: addAll, addWaiting or addDead. */
export async function fill(queue, _, { tasks, kind = 'addAll', types = [undefined] }) {
  for (let first = 0; first < tasks; first += BATCH) {
    const list = paramsList(first, Math.min(BATCH, tasks - first));
    const share = Math.ceil(list.length / types.length);
    for (const [index, type] of types.entries())
      await addMany(queue, kind, list.slice(index * share, (index + 1) * share), type);
  }
}

async function addMany(queue, kind, list, type) {
  if (list.length === 0) return;
  if (queue[kind]) await queue[kind](list, type);
  else for (let at = 0; at < list.length; at += 50) await Promise.all(list.slice(at, at + 50).map(queue.add));
}

/** Each caller adds its next task when the last one is stored. */
export async function addOneByOne(queue, _, { tasks, callers, limit }) {
  return timed(tasks, callers, limit, (sequence) => queue.add(paramsOf(sequence)));
}

export async function addInTransactions(queue, _, { tasks, limit }) {
  return timed(tasks, 1, limit, (sequence) => queue.addInTransaction(paramsOf(sequence)));
}

export async function addInBulk(queue, _, { tasks, size, limit }) {
  const { done, ms } = await timed(tasks / size, 1, limit, (batch) =>
    queue.addAll(paramsList(batch * size, size)),
  );
  return { done: done * size, ms };
}

async function timed(times, callers, limit, add) {
  const start = performance.now();
  let next = 0;
  let done = 0;
  const caller = async () => {
    while (next < times && performance.now() - start < limit) {
      await add(next++);
      done += 1;
    }
  };
  await Promise.all(Array.from({ length: callers }, caller));
  return { done, ms: performance.now() - start };
}
