/** ms */
const SHORTEST_CLAIM = 3;
const LONGEST_REST = 100;

/**
 * How long a worker that finds the lock row taken stays away: as long as its own claims take, since whoever has the row is claiming as
 * well, and twice as long each time. Asking more often would cost everybody as much as the claims do.
 */
export class LockRest {
  private aClaim = SHORTEST_CLAIM;
  private inARow = 0;
  private until = 0;

  /** ms until the next try; 0 or less: now. */
  left(): number {
    return this.until - performance.now();
  }

  /** It was taken at the last try. */
  get isLastFoundTaken(): boolean {
    return this.inARow > 0;
  }

  /** @param took how long the claim took, ms */
  claimed(took: number): void {
    this.aClaim = Math.max(SHORTEST_CLAIM, took);
    this.inARow = 0;
  }

  /** @returns how often in a row */
  wasTaken(): number {
    this.inARow += 1;
    // Not all who wait at the same moment.
    const spread = 0.5 + Math.random();
    this.until = performance.now() + Math.min(this.aClaim * 2 ** (this.inARow - 1), LONGEST_REST) * spread;
    return this.inARow;
  }
}
