/**
 * The lease as its holder sees it, by the monotonic clock: counted from when the last write that renewed it was sent, so it
 * never lasts longer here than in the database.
 */
export class Lease {
  private sentAt = -Infinity;
  private timer: NodeJS.Timeout | undefined;

  /** @param length ms */
  constructor(
    readonly length: number,
    private readonly onLapse: () => void,
  ) {}

  /** A write that renewed it has succeeded; it was sent at `sentAt` (monotonic clock, ms). */
  renewed(sentAt: number): void {
    this.sentAt = sentAt;
    clearTimeout(this.timer);
    this.timer = setTimeout(this.onLapse, Math.max(0, sentAt + this.length - performance.now()));
    this.timer.unref();
  }

  /** ms until it should be renewed: a third of its length after the last write. */
  renewIn(): number {
    return this.sentAt + this.length / 3 - performance.now();
  }

  end(): void {
    clearTimeout(this.timer);
    this.sentAt = -Infinity;
  }
}
