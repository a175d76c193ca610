import { Injectable } from '@nestjs/common';

/**
 * What the database's clock says now, between two of its answers: by this process's monotonic clock, never by the host's
 * wall clock. Good for stamps; whatever decides about a task asks the database.
 */
@Injectable()
export class DatabaseClock {
  private offset = Date.now() - performance.now();

  /** @param now epoch ms, as the database just answered */
  set(now: number): void {
    this.offset = now - performance.now();
  }

  now(): number {
    return Math.round(this.offset + performance.now());
  }
}
