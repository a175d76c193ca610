/**
 * Calls with nothing of the engine below: an error that is made there shows the handler in place of the engine's loops, and V8
 * has fewer lines to put into words. A reaction that nobody waits for: that of `queueMicrotask` has Node's own frames below it.
 */
export const onEmptyStack = (call: () => void): Promise<void> =>
  new Promise((resolve, reject: (reason: Error) => void) => {
    void Promise.resolve().then(() => {
      try {
        resolve(call());
      } catch (error) {
        reject(error as Error);
      }
    });
  });
