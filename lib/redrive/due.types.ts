/** Knows which task types may have due tasks, and when this process's own waiting tasks will be. */
export class DueTypes {
  private readonly due = new Set<string>();
  /** Type → when, ms of the monotonic clock: the soonest moments, each rounded up to a grain. */
  private readonly soon = new Map<number, Set<string>>();

  /** @param horizon ms; what is due later than that is left to the schedule */
  constructor(private readonly horizon: number) {}

  mark(redoTaskId: string): void {
    this.due.add(redoTaskId);
  }

  clear(redoTaskId: string): void {
    this.due.delete(redoTaskId);
  }

  /** A task of this type will be due in `delay` ms. */
  markIn(redoTaskId: string, delay: number): void {
    if (delay > this.horizon) return;
    const moment = Math.ceil((performance.now() + delay + 1) / GRAIN) * GRAIN;
    const types = this.soon.get(moment) ?? new Set();
    this.soon.set(moment, types.add(redoTaskId));
  }

  /** The types that may have due tasks now. */
  now(): ReadonlySet<string> {
    const now = performance.now();
    for (const [moment, types] of this.soon) {
      if (moment > now) continue;
      for (const type of types) this.due.add(type);
      this.soon.delete(moment);
    }
    return this.due;
  }

  /** ms until the next known moment, 0 or less if it has come; `Infinity`: none is known. */
  next(): number {
    let first = Infinity;
    for (const moment of this.soon.keys()) first = Math.min(first, moment);
    return first - performance.now();
  }
}

/** ms; moments this close are served together. */
const GRAIN = 5;
