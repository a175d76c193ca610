import { AsyncLocalStorage } from 'node:async_hooks';
import { type INestApplicationContext } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { type Database, REDO_DATABASE } from '../../lib/store/database.js';
import { LeaseLostError } from '../../lib/store/ledger.js';
import { hasCommitted, type Point, type WorkDone } from './fault-points.js';
import { FaultyServer } from './faulty-server.js';
import { faultySqlite } from './faulty-sqlite.js';
import { type ExtraOptions, type TestDatabase } from './test-database.js';

/** What befalls an instance at one statement of its engine. */
export type Fault =
  /** The connection breaks before the statement is sent. */
  | 'fails'
  /** The statement is done, and the connection breaks before the answer is there. */
  | 'loses its answer'
  /** The statement is done, and nothing of this instance reaches the database from then on, as after `kill -9`. */
  | 'is the last';

/** Ends a statement of an instance that is dead; nobody is told. */
export class Dead extends Error {}

/**
 * Stands between one instance and its database: writes down each statement of each work, and lets one fault happen at one of
 * them. Connections are really broken, so the errors are the driver's own. The application's own statements pass.
 */
export class Faults {
  /** What the engine did, in the order in which it began. */
  works: WorkDone[] = [];
  /** Whether the armed fault has happened. */
  happened = false;
  /** Nothing of this instance reaches the database, and nothing of it is under way there. */
  dead = false;

  private readonly underWay = new AsyncLocalStorage<{ current: WorkDone }>();
  private readonly asking = new Set<string>();
  private armed: { readonly point: Point; readonly fault: Fault } | undefined;
  /** No statement is sent any more. */
  private silent = false;
  /** Calls of the dead. */
  private waiting: (() => void)[] = [];

  /** To be laid over the data source's options: SQLite's engine works past TypeORM, on a connection of its own. */
  options({ kind }: TestDatabase): ExtraOptions {
    return kind === 'sqlite' ? ({ driver: faultySqlite(this) } as ExtraOptions) : {};
  }

  /** Before the application's engine starts. */
  lieInWait(nest: INestApplicationContext): void {
    const database = nest.get<Database>(REDO_DATABASE);
    for (const method of ['transaction', 'autocommit', 'read'] as const) this.watch(database, method);
    const dataSource = nest.get(DataSource);
    if (dataSource.options.type !== 'better-sqlite3') new FaultyServer(this).lieInWait(dataSource);
  }

  arm(point: Point, fault: Fault): void {
    this.happened = false;
    this.armed = { point, fault };
  }

  disarm(): void {
    this.armed = undefined;
  }

  /** Whether this method waits for the database. */
  isAsking(name: string): boolean {
    return this.asking.has(name);
  }

  /** Whoever was dead learns that it was, and goes on. */
  revive(): void {
    this.dead = false;
    this.silent = false;
    for (const learn of this.waiting.splice(0)) learn();
  }

  /** Some work of the engine is under way. */
  get isWork(): boolean {
    return this.underWay.getStore() !== undefined;
  }

  /** The work under way begins, or is tried once more from the beginning. */
  begin(): void {
    const store = this.underWay.getStore();
    if (store?.current.statements.length) store.current = { name: store.current.name, statements: [] };
  }

  /** One more statement of the work under way. @returns what is to happen to it */
  meet(text: string): Fault | undefined {
    const work = this.underWay.getStore()?.current;
    // What comes after COMMIT tidies the connection up, and nobody waits for it.
    if (!work || hasCommitted(work) || /^(PRAGMA|ROLLBACK$)/.test(text)) return undefined;
    if (this.silent) throw new Dead();
    if (work.statements.length === 0) this.works.push(work);
    work.statements.push(text.trim().replace(/\s+/g, ' '));
    if (!this.armed?.point.isReachedBy(work)) return undefined;
    const { fault } = this.armed;
    this.armed = undefined;
    this.happened = true;
    return fault;
  }

  fallSilent(): void {
    this.silent = true;
  }

  /** Whatever was under way has ended. */
  die(): never {
    this.fallSilent();
    this.dead = true;
    throw new Dead();
  }

  private watch(database: Database, method: 'transaction' | 'autocommit' | 'read'): void {
    const ask = database[method].bind(database) as Database['transaction'];
    const asked: Database['transaction'] = (work, within) => {
      const name = callerOf(asked);
      this.asking.add(name);
      const begun = { current: { name, statements: [] } };
      const answer = this.whileAlive(() => this.underWay.run(begun, () => ask(work, within)));
      return answer.finally(() => this.asking.delete(name));
    };
    database[method] = asked;
  }

  private async whileAlive<T>(ask: () => Promise<T>): Promise<T> {
    try {
      if (this.silent) return await this.noAnswer();
      const answer = await ask();
      return this.silent ? await this.noAnswer() : answer;
    } catch (error) {
      if (this.silent) return this.noAnswer();
      throw error;
    }
  }

  /** The dead are not answered; those who come to life again find that others have taken over. */
  private async noAnswer(): Promise<never> {
    await new Promise<void>((resolve) => this.waiting.push(resolve));
    throw new LeaseLostError();
  }
}

/** The method that called this one: `Settler.send`. */
function callerOf(called: (...args: never[]) => unknown): string {
  const here = { stack: '' };
  Error.captureStackTrace(here, called);
  const [, caller = ''] = here.stack.split('\n');
  return /at (?:async )?([\w.]+)/.exec(caller)?.[1] ?? caller;
}
