import { performance } from 'node:perf_hooks';
// Not the global one: a test may have replaced it by fake timers.
import { setTimeout as pause } from 'node:timers/promises';

export interface WaitForOptions {
  /** Longest wait in milliseconds. @default 20_000 */
  timeout?: number;
  /** Milliseconds between two looks. @default 10 */
  interval?: number;
  /** Ends the error's sentence "waited 20000 ms for …". */
  what?: string;
}

/**
 * Looks again and again until `condition` gives something truthy, and returns that. An error thrown by the
 * condition counts as "not yet"; the last one becomes the cause of the time-out.
 */
export async function waitFor<T>(
  condition: () => T | Promise<T>,
  { timeout = 20_000, interval = 10, what = String(condition) }: WaitForOptions = {},
): Promise<NonNullable<T>> {
  const deadline = performance.now() + timeout;
  for (;;) {
    let lastError: unknown;
    try {
      const result = await condition();
      if (result) return result;
    } catch (error) {
      lastError = error;
    }
    if (performance.now() >= deadline) {
      const reason = lastError instanceof Error ? `: ${lastError.message}` : '';
      throw new Error(`waited ${timeout} ms for ${what}${reason}`, { cause: lastError });
    }
    await pause(interval);
  }
}
