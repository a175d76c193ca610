import type { Bell } from './bell.js';

/** A loop of steps that follow one another, and that rests when there is nothing to do. */
export class Lane<Step> {
  private busy = false;

  /**
   * @param nextStep what to do now, if anything
   * @param rest ms until there may be something to do, unless the bell rings
   */
  constructor(
    private readonly bell: Bell,
    private readonly nextStep: () => Step | undefined,
    private readonly rest: () => number,
  ) {}

  /** A step is under way. */
  get isBusy(): boolean {
    return this.busy;
  }

  /**
   * Ends when it is over and no step is under way.
   *
   * @param take never fails
   */
  async run(take: (step: Step) => Promise<void>, isOver: () => boolean): Promise<void> {
    const sleeper = this.bell.sleeper();
    while (this.busy || !isOver()) {
      // Asked first: what falls due between the two questions is done, and not slept over.
      const ms = this.rest();
      const step = this.busy ? undefined : this.nextStep();
      if (step) await this.occupy(take(step));
      else await sleeper.rest(ms);
    }
  }

  /** A step that somebody else takes: until it has ended, there is no other. */
  async occupy<T>(step: Promise<T>): Promise<T> {
    this.busy = true;
    try {
      return await step;
    } finally {
      this.busy = false;
      this.bell.ring();
    }
  }
}
