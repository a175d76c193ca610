import { Injectable } from '@nestjs/common';
import { Bell } from './bell.js';
import { giveUp } from './task.executor.js';
import type { RunningTask } from './task.in.hand.js';
import type { WorkerLife } from './worker.life.js';

/**
 * Gives up handlers that take too long. All have one timer, set for the first that may be late: thousands begin at a time, most have
 * ended long before, and a timer for each costs more than the rest of its way through the executor.
 */
@Injectable()
export class Overtime {
  private readonly lives = new Set<WorkerLife>();
  private timer: NodeJS.Timeout | undefined;
  /** When it goes off, monotonic clock, ms. */
  private moment = Infinity;

  constructor(private readonly bell: Bell) {}

  /** Its handler begins. */
  watch(life: WorkerLife, { giveUpAt }: RunningTask): void {
    this.lives.add(life);
    this.lookAt(giveUpAt);
  }

  private lookAt(moment: number): void {
    if (moment >= this.moment) return;
    this.moment = moment;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.look(), Math.max(0, Math.ceil(moment - performance.now())));
    // A handler that is given up at shutdown must not keep the process alive.
    this.timer.unref();
  }

  private look(): void {
    this.moment = Infinity;
    const now = performance.now();
    for (const life of this.lives) {
      for (const running of life.running.values()) {
        if (running.outcome) continue;
        if (running.giveUpAt > now) this.lookAt(running.giveUpAt);
        else life.end(running, giveUp(running));
      }
      if (life.active === 0) this.lives.delete(life);
    }
    this.bell.ring();
  }
}
