import { settled } from './draining.js';

/** Every task fails once and succeeds when it is tried again. */
export async function failOnce(queue, counter, { tasks, limit }) {
  const seen = new Set();
  counter.reset(({ sequence }) => {
    if (seen.has(sequence)) return;
    seen.add(sequence);
    throw new Error('the partner is down');
  });
  await queue.go();
  const { done, ms } = await settled(queue, counter, 2 * tasks, limit);
  return { done: Math.max(0, done - tasks), ms };
}
