/**
 * The transactions of one worker run side by side, but its own row has one writer at a time: whoever comes to it waits for
 * the others, works out the row from memory as it is then, and leaves when memory knows what became of the COMMIT.
 */
export class Turns {
  private readonly line: Turn[] = [];
  private count = 0;

  next(): Turn {
    return new Turn(this.line, () => (this.count += 1));
  }
}

/** One transaction's turn, for all its tries. */
export class Turn {
  private called: (() => void) | undefined;
  private drawn = 0;

  /** @param draw gives the next number */
  constructor(
    private readonly line: Turn[],
    private readonly draw: () => number,
  ) {}

  /** How many turns there were up to this one, once it has come: a write that is late is known by it. */
  get number(): number {
    return (this.drawn ||= this.draw());
  }

  /** Waits for whoever came before. Whoever leaves while it waits is never called. */
  async come(): Promise<void> {
    if (this.takeIfFree()) return;
    if (!this.line.includes(this)) this.line.push(this);
    await new Promise<void>((resolve) => (this.called = resolve));
  }

  /** For whoever can't wait. */
  takeIfFree(): boolean {
    if (this.line.length === 0) this.line.push(this);
    return this.line[0] === this;
  }

  leave(): void {
    const place = this.line.indexOf(this);
    if (place < 0) return;
    this.line.splice(place, 1);
    if (place === 0) this.line[0]?.called?.();
  }
}
