import { Inject, Injectable } from '@nestjs/common';
import { RedoEvents } from '../redo.events.js';
import { REDO_OPTIONS, type ResolvedRedoOptions } from '../redo.options.js';
import { type Database, REDO_DATABASE } from '../store/database.js';
import { deleteOld } from '../store/retention.js';
import { Trouble } from './trouble.js';
import { within } from './within.js';
import { patienceOf } from './worker.life.js';

/** ms between two sweeps of one instance. */
const EVERY = 60_000;
const DOING = 'delete old tasks';

/** Deletes finished tasks that were kept long enough, in small chunks, now and then. */
@Injectable()
export class RetentionSweeper {
  private sweeping: Promise<void> | undefined;
  private nextAt = -Infinity;
  private readonly trouble = new Trouble(EVERY);
  private stopped = false;

  constructor(
    @Inject(REDO_DATABASE) private readonly database: Database,
    @Inject(REDO_OPTIONS) private readonly options: ResolvedRedoOptions,
    private readonly events: RedoEvents,
  ) {}

  /** Sweeps when it is time to; never twice at once. */
  tick(): void {
    if (this.stopped || this.sweeping || performance.now() < this.nextAt) return;
    this.sweeping = this.attempt().then(() => (this.sweeping = undefined));
  }

  /** Deletes all that is due for deletion. */
  async sweep(): Promise<void> {
    const { applicationName, retention } = this.options;
    for (const [status, keptFor] of [
      ['DEAD', retention.dead],
      ['SUCCEEDED', retention.succeeded],
    ] as const) {
      if (keptFor === Infinity) continue;
      let deleted = 1;
      while (deleted > 0 && !this.stopped)
        deleted = await this.database.transaction(
          () => deleteOld(this.database.dialect, applicationName, status, keptFor),
          this.patience,
        );
    }
  }

  /** A transaction that is not answered has been given up by then, and its connection with it: the pool can be closed. */
  async stop(): Promise<void> {
    this.stopped = true;
    if (this.sweeping) await within(this.patience, this.sweeping);
  }

  private get patience(): number {
    return patienceOf(this.options.lease);
  }

  private async attempt(): Promise<void> {
    this.nextAt = performance.now() + EVERY;
    try {
      await this.sweep();
      const failures = this.trouble.over();
      if (failures > 0) this.events.emit('recovered', { doing: DOING, failures });
    } catch (thrown) {
      const error = thrown instanceof Error ? thrown : new Error(String(thrown));
      const { failures, retryIn } = this.trouble.failed();
      this.nextAt = performance.now() + retryIn;
      this.events.emit('trouble', { doing: DOING, error, failures, retryIn });
    }
  }
}
