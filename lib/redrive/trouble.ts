/** Failures in a row, and when to try again: from 20 ms doubling to a ceiling, each spread by a quarter. */
export class Trouble {
  private failures = 0;
  private retryAt = 0;

  /** @param longest ms */
  constructor(private readonly longest: number) {}

  /** @returns how many failures there were in a row, and ms until the next try */
  failed(): { failures: number; retryIn: number } {
    this.failures += 1;
    const retryIn = Math.min(20 * 2 ** (this.failures - 1), this.longest) * (0.75 + Math.random() / 2);
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

  /** Whether the last try failed. */
  get lasts(): boolean {
    return this.failures > 0;
  }

  /** ms until the next try; 0 or less: now. */
  restFor(): number {
    return this.retryAt - performance.now();
  }
}
