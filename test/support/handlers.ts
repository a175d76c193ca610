import { type RedoContext } from 'nestjs-redo';

/** A handler that ends when its signal is aborted, failed with the reason, and not before. */
export function untilAborted(_: unknown, { signal }: RedoContext): Promise<never> {
  return new Promise((_, reject) => {
    const fail = () => reject(signal.reason as Error);
    if (signal.aborted) fail();
    else signal.addEventListener('abort', fail);
  });
}
