import { setTimeout as delay } from 'node:timers/promises';
import { type TestDatabase } from '../support/test-database.js';
import { type Look } from './evidence.js';
import { look } from './tables.js';

/** ms */
const EVERY = 150;

/** Somebody who looks at the workers' ledger all the time: what is in it there is no matter of what anybody tells. */
export class Onlooker {
  readonly looks: Look[] = [];
  private looking = true;
  private ended: Promise<void> | undefined;

  constructor(private readonly database: TestDatabase) {}

  start(): void {
    this.ended = this.watch();
  }

  async stop(): Promise<void> {
    this.looking = false;
    await this.ended;
  }

  private async watch(): Promise<void> {
    while (this.looking) {
      // The server may be away just now.
      await look(this.database).then(
        (seen) => this.looks.push(seen),
        () => {},
      );
      await delay(EVERY);
    }
  }
}
