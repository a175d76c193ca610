import { Injectable } from '@nestjs/common';

/** Lets loops rest until somebody rings or a time is over. */
@Injectable()
export class Bell {
  private rings = 0;
  private readonly resting = new Set<() => void>();

  ring(): void {
    this.rings += 1;
    if (this.resting.size === 0) return;
    for (const wake of this.resting) wake();
    this.resting.clear();
  }

  /** One of those who rest by this bell; it remembers what rang while it did not rest. */
  sleeper(): Sleeper {
    let heard = this.rings;
    return {
      rest: async (ms) => {
        if (heard === this.rings) await this.nextRing(ms);
        await new Promise((resolve) => setImmediate(resolve));
        heard = this.rings;
      },
    };
  }

  private async nextRing(ms: number): Promise<void> {
    let wake!: () => void;
    const rung = new Promise<void>((resolve) => (wake = resolve));
    const timer = Number.isFinite(ms) ? setTimeout(wake, Math.max(0, ms)) : undefined;
    this.resting.add(wake);
    await rung;
    this.resting.delete(wake);
    clearTimeout(timer);
  }
}

export interface Sleeper {
  /**
   * Rests for `ms` at the most (`Infinity`: until rung), and to the end of the current turn of the event loop, so that all
   * that rings in one turn is served together.
   */
  rest(ms: number): Promise<void>;
}
