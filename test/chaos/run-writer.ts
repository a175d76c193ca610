import { setTimeout as delay } from 'node:timers/promises';
import { openPen, type Pen } from '../support/run-ledger.js';
import { type RunOutcome } from './evidence.js';
import { type Order } from './deeds.js';
import { monotonic } from './monotonic.js';

/** A run that has begun. */
export interface BegunRun {
  readonly id: string;
}

/**
 * What the handlers of one process write down, in autocommit on a connection of their own. It goes on trying while the server is
 * away: what a handler did is in the ledger unless its process died in it.
 */
export class RunWriter {
  private pen: Pen | undefined;
  private queue: Promise<unknown> = Promise.resolve();
  private count = 0;

  constructor(private readonly url: string) {}

  async begin(order: Order, task: number, attempt: number, worker: string): Promise<BegunRun> {
    const run = { id: `${process.pid}.${(this.count += 1)}` };
    const values = [run.id, task, order.key, order.deed, attempt, worker, monotonic()];
    await this.write(async (pen) => {
      // The answer to an INSERT that landed may have been lost.
      const [there] = await pen.ask('SELECT id FROM tbl_chaos_run WHERE id = ?', [run.id]);
      if (!there)
        await pen.ask(
          `INSERT INTO tbl_chaos_run (id, task, order_key, deed, attempt, worker, began)
           VALUES (?, ?, ?, ?, ?, ?, ?)`,
          values,
        );
    });
    return run;
  }

  async end({ id }: BegunRun, outcome: RunOutcome): Promise<void> {
    const ended = monotonic();
    await this.write((pen) =>
      pen.ask('UPDATE tbl_chaos_run SET ended = ?, outcome = ? WHERE id = ?', [ended, outcome, id]),
    );
  }

  /** How many runs an order has had. */
  async runsOf(key: string): Promise<number> {
    const rows = await this.write((pen) =>
      pen.ask('SELECT id FROM tbl_chaos_run WHERE order_key = ?', [key]),
    );
    return rows.length;
  }

  private write<T>(work: (pen: Pen) => Promise<T>): Promise<T> {
    const written = this.queue.then(() => this.untilDone(work));
    this.queue = written;
    return written;
  }

  private async untilDone<T>(work: (pen: Pen) => Promise<T>): Promise<T> {
    for (;;)
      try {
        this.pen ??= await openPen(this.url);
        return await work(this.pen);
      } catch {
        this.pen?.close();
        this.pen = undefined;
        await delay(50);
      }
  }
}
