import { setTimeout as delay } from 'node:timers/promises';
import { diceOf } from './dice.js';
import { type FaultRecord } from './evidence.js';
import { FAULTS } from './faults/faults.js';
import { NotPossible, type Stage } from './faults/stage.js';
import { monotonic } from './monotonic.js';
import { type PlannedFault } from './plan.js';

/** Does faults and writes down when. */
export class Disturber {
  readonly done: FaultRecord[] = [];
  /** What happens just now. */
  readonly underWay = new Set<PlannedFault>();

  constructor(private readonly stage: Stage) {}

  /** One fault after the other until the time is up; the last one is brought to its end. */
  async disturb(lane: Iterator<PlannedFault, never>, until: number): Promise<void> {
    for (;;) {
      const fault = lane.next().value;
      const left = until - performance.now();
      if (left <= fault.rest) return;
      await delay(fault.rest);
      await this.once({ ...fault, lasts: Math.min(fault.lasts, until - performance.now()) });
    }
  }

  async once(fault: PlannedFault): Promise<void> {
    const { kind, slot } = fault;
    const from = monotonic();
    let skipped: string | undefined;
    this.underWay.add(fault);
    try {
      await FAULTS[kind](this.stage, fault, diceOf(fault.seed, kind));
    } catch (error) {
      if (!(error instanceof NotPossible)) throw error;
      skipped = error.message;
    }
    this.underWay.delete(fault);
    this.done.push({ kind, slot, from, to: monotonic(), skipped });
  }
}
