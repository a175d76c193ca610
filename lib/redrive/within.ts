import { setTimeout as delay } from 'node:timers/promises';

/** Waits for a promise, but not longer than `ms`; what comes later is nobody's any more. */
export async function within<T>(ms: number, promise: Promise<T>): Promise<{ readonly value: T } | 'late'> {
  const timer = new AbortController();
  const late = delay(ms, 'late' as const, { signal: timer.signal }).catch(() => 'late' as const);
  try {
    return await Promise.race([promise.then((value) => ({ value })), late]);
  } finally {
    timer.abort();
  }
}
