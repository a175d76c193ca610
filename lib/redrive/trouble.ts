/** Failures in a row, and when to try again: from 20 ms doubling to 5 s, each spread by a half. */
export class Trouble {
  private failures = 0;
  private retryAt = 0;

  /** @returns how many failures there were in a row, and ms until the next try */
  failed(): { failures: number; retryIn: number } {
    this.failures += 1;
    const retryIn = Math.min(20 * 2 ** (this.failures - 1), 5_000) * (0.75 + Math.random() / 2);
    this.retryAt = performance.now() + retryIn;
    return { failures: this.failures, retryIn };
  }

  /** @returns how many failures are over now */
  over(): number {
    const { failures } = this;
    this.failures = 0;
    this.retryAt = 0;
    return failures;
  }

  /** ms until the next try; 0 or less: now. */
  restFor(): number {
    return this.retryAt - performance.now();
  }
}
