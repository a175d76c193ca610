import { setTimeout as delay } from 'node:timers/promises';
import { Injectable } from '@nestjs/common';
import { RedoError } from '../redo.errors.js';
import { tasksLocked } from '../redo.messages.js';
import { LeaseLostError } from '../store/ledger.js';
import { Settler } from './settler.js';
import { Troubles } from './troubles.js';
import { within } from './within.js';
import type { WorkerLife } from './worker.life.js';

/** How long the last write of a stopping worker is tried, ms. */
export const LAST_WRITE = 3_000;

/** How it went: all that the worker had is settled or free, somebody had taken it for dead, or there was no time left. */
export type Farewell =
  { readonly kind: 'handedBack'; readonly count: number } | { readonly kind: 'leaseLost' | 'gaveUp' };

/** The last write of a worker that stops, tried again until it is kept or its time is over. */
@Injectable()
export class LastWrite {
  constructor(
    private readonly settler: Settler,
    private readonly troubles: Troubles,
  ) {}

  /** What can't be written here, the others find when the lease has run out. */
  async handBack(life: WorkerLife): Promise<Farewell> {
    const giveUpAt = performance.now() + LAST_WRITE;
    for (let count = 0, mayBeDone = false; ; mayBeDone = true) {
      try {
        const left = giveUpAt - performance.now();
        // It ends by itself in that time, unless there is no connection to be had.
        const done = await within(2 * left, this.settler.handBack(life, left));
        if (done === 'late') return { kind: 'gaveUp' };
        const { value } = done;
        count += value.count;
        if (value.locked.size > 0) throw new RedoError(tasksLocked([...value.locked]));
        return { kind: 'handedBack', count };
      } catch (error) {
        if (error instanceof LeaseLostError) {
          // Nobody takes it for dead before its lease has run out: an earlier try was committed, and its answer lost.
          const isDone = mayBeDone && life.lease.left() > 0;
          return isDone
            ? { kind: 'handedBack', count: count + this.settler.leftOver(life) }
            : { kind: 'leaseLost' };
        }
        const retryIn = this.troubles.failed('handBack', error);
        if (performance.now() + retryIn > giveUpAt) return { kind: 'gaveUp' };
        await delay(retryIn);
      }
    }
  }
}
