import { Injectable } from '@nestjs/common';

/** Lets one loop rest until somebody rings or a time is over. A ring while nobody rests is remembered. */
@Injectable()
export class Bell {
  private rung = false;
  private wakeUp: (() => void) | undefined;

  ring(): void {
    this.rung = true;
    this.wakeUp?.();
  }

  /**
   * @param ms at the most; `Infinity`: until rung
   * It ends at the end of the current turn of the event loop, so that all that rings in one turn is served together.
   */
  async rest(ms: number): Promise<void> {
    if (!this.rung)
      await new Promise<void>((resolve) => {
        const timer = Number.isFinite(ms) ? setTimeout(resolve, Math.max(0, ms)) : undefined;
        this.wakeUp = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    this.wakeUp = undefined;
    await new Promise((resolve) => setImmediate(resolve));
    this.rung = false;
  }
}
