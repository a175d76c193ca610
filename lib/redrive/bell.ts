import { Injectable } from '@nestjs/common';

/** Lets loops rest until somebody rings or a time is over. */
@Injectable()
export class Bell {
  private rings = 0;
  // A Set that is cleared leaves its table behind with a way to the next one: once one is old, V8 keeps all of them for long.
  private resting = new Set<() => void>();

  ring(): void {
    this.rings += 1;
    if (this.resting.size === 0) return;
    const woken = this.resting;
    this.resting = new Set();
    setImmediate(() => woken.forEach((wake) => wake()));
  }

  /** One of those who rest by this bell; it remembers what rang while it did not rest. */
  sleeper(): Sleeper {
    let heard = this.rings;
    return {
      rest: (ms) =>
        new Promise((resolve) => {
          let timer: NodeJS.Timeout | undefined;
          const wake = () => {
            clearTimeout(timer);
            heard = this.rings;
            resolve();
          };
          if (heard !== this.rings) {
            setImmediate(wake);
            return;
          }
          this.resting.add(wake);
          // Who was woken by a ring meanwhile is not there any more.
          const timeIsOver = () => this.resting.delete(wake) && setImmediate(wake);
          if (Number.isFinite(ms)) timer = setTimeout(timeIsOver, Math.max(0, ms));
        }),
    };
  }
}

export interface Sleeper {
  /**
   * Rests for `ms` at the most (`Infinity`: until rung), and to the end of the current turn of the event loop, so that all
   * that rings in one turn is served together.
   */
  rest(ms: number): Promise<void>;
}
