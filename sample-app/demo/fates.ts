import { setTimeout as delay } from 'node:timers/promises';
import type { DeadReason, RedoEvents } from 'nestjs-redo';

/** How a redo task ended. */
export type Fate =
  | { readonly kind: 'succeeded'; readonly attempts: number }
  | { readonly kind: 'dead'; readonly reason: DeadReason; readonly detail: string | null };

/** Collects how each redo task ends. */
export class Fates {
  private readonly ended = new Map<number, Fate>();
  private readonly waiting = new Map<number, (fate: Fate) => void>();

  constructor(events: RedoEvents) {
    events.on('succeeded', ({ id, attempt }) => this.end(id, { kind: 'succeeded', attempts: attempt }));
    events.on('dead', ({ id, reason, detail }) => this.end(id, { kind: 'dead', reason, detail }));
  }

  /** @throws {Error} it has not ended within `patience` ms */
  async of(taskId: number, patience = 20_000): Promise<Fate> {
    const known = this.ended.get(taskId);
    if (known) return known;
    const end = new Promise<Fate>((resolve) => this.waiting.set(taskId, resolve));
    const late = delay(patience, undefined, { ref: false });
    const fate = await Promise.race([end, late]);
    if (!fate) throw new Error(`redo task ${taskId} has not ended within ${patience / 1_000} s`);
    return fate;
  }

  private end(taskId: number, fate: Fate): void {
    this.ended.set(taskId, fate);
    this.waiting.get(taskId)?.(fate);
  }
}
