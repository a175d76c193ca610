/**
 * A worker's lease as it sees it itself, by the monotonic clock: counted from when the last write that renewed it was sent,
 * so it never lasts longer here than in the database.
 */
export class Lease {
  private sentAt = -Infinity;
  private timer: NodeJS.Timeout | undefined;

  /**
   * @param length ms
   * @param onLapse called once it has run out
   */
  constructor(
    private readonly length: number,
    private readonly onLapse: () => void,
  ) {}

  /** A write that renews it has been committed; it was sent at `sentAt` (monotonic clock, ms). */
  renewed(sentAt: number): void {
    this.sentAt = sentAt;
    clearTimeout(this.timer);
    this.timer = setTimeout(this.onLapse, Math.max(0, this.left()));
    this.timer.unref();
  }

  /** ms; 0 or less: it has run out, even if nobody could say so yet because something blocks this process. */
  left(): number {
    return this.sentAt + this.length - performance.now();
  }

  /** ms until it should be renewed: a third of its length after the last write. */
  renewIn(): number {
    return this.sentAt + this.length / 3 - performance.now();
  }

  end(): void {
    clearTimeout(this.timer);
  }
}
