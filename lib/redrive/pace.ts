/** Counts what was begun lately, so that an instance holds no more than it will begin soon. */
export class Pace {
  private readonly begun: { readonly at: number; readonly count: number }[] = [];

  /** @param window ms */
  constructor(private readonly window: number) {}

  add(count: number): void {
    if (count > 0) this.begun.push({ at: performance.now(), count });
  }

  /** How many were begun within the window. */
  lately(): number {
    const from = performance.now() - this.window;
    while (this.begun[0] && this.begun[0].at < from) this.begun.shift();
    return this.begun.reduce((sum, { count }) => sum + count, 0);
  }
}
