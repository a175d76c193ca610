/**
 * Calls with nothing of the engine below: an error that is made there shows the handler in place of the engine's loops, and V8
 * puts half as many lines into words, which is most of what a failed attempt costs.
 */
export const onEmptyStack = (call: () => void): Promise<void> =>
  new Promise((resolve, reject: (reason: Error) => void) => {
    queueMicrotask(() => {
      try {
        resolve(call());
      } catch (error) {
        reject(error as Error);
      }
    });
  });
