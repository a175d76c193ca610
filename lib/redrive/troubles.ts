import { Inject, Injectable } from '@nestjs/common';
import { RedoEvents } from '../redo.events.js';
import { REDO_OPTIONS, type ResolvedRedoOptions } from '../redo.options.js';
import { Trouble } from './trouble.js';

/** What the engine does with the database, in a person's words; each is one short transaction, or one statement. */
const DOING = {
  register: 'register this worker',
  renew: 'renew the lease',
  begin: 'begin tasks',
  claim: 'claim tasks',
  settle: 'settle tasks',
  look: 'look for due tasks',
  handBack: 'hand tasks back',
} as const;

export type Doing = keyof typeof DOING;

/** Each of them rests by itself when it fails: what still works goes on. */
@Injectable()
export class Troubles {
  private readonly of: Readonly<Record<Doing, Trouble>>;

  constructor(
    @Inject(REDO_OPTIONS) { lease }: ResolvedRedoOptions,
    private readonly events: RedoEvents,
  ) {
    // Several tries within a lease, so that a short trouble does not cost it.
    const trouble = () => new Trouble(Math.min(5_000, lease / 6));
    this.of = {
      register: trouble(),
      renew: trouble(),
      begin: trouble(),
      claim: trouble(),
      settle: trouble(),
      look: trouble(),
      handBack: trouble(),
    };
  }

  allow(doing: Doing): boolean {
    return this.of[doing].restFor() <= 0;
  }

  lastTryFailed(doing: Doing): boolean {
    return this.of[doing].lasts;
  }

  /** ms until the next try of those that rest: what waits for a trouble to be over counts only then. */
  rests(...all: readonly Doing[]): number[] {
    return all.map((doing) => this.of[doing].restFor()).filter((rest) => rest > 0);
  }

  /** @returns ms until the next try */
  failed(doing: Doing, thrown: unknown): number {
    const { failures, retryIn } = this.of[doing].failed();
    const error = thrown instanceof Error ? thrown : new Error(String(thrown));
    this.events.emit('trouble', { doing: DOING[doing], error, failures, retryIn });
    return retryIn;
  }

  succeeded(doing: Doing): void {
    const failures = this.of[doing].over();
    if (failures > 0) this.events.emit('recovered', { doing: DOING[doing], failures });
  }
}
