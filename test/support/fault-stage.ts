import { SchedulerRegistry } from '@nestjs/schedule';
import { REDRIVE_JOB, type RedoContext, RedoEvents, type RedoOptions } from 'nestjs-redo';
import { decodeHeld, decodeRunning } from '../../lib/store/ledger.text.js';
import { Faults } from './faults.js';
import { PLANTED_TYPES } from './planted-tasks.js';
import { gate, startApp, type TestApp } from './redo-app.js';
import { type TestDatabase } from './test-database.js';
import { waitFor } from './wait-for.js';

/** The one to which faults happen, and the one that takes over what it leaves. */
export type Actor = 'first' | 'heir';

/** One call of a handler. */
export interface StageRun {
  readonly name: string;
  readonly by: Actor;
  readonly attempt: number;
}

export interface StageSettings {
  /** Of both instances. */
  readonly options?: RedoOptions;
  /** The first instance does not redrive: a person gives commands there, about what the heir has. */
  readonly isPerson?: true;
}

/** Something else came first, so that the play took another course than it was to take. */
export class Missed extends Error {}

/** What is held for so long is handed back, ms. */
const LONGEST_HOLD = 1_000;

/** Two instances of an application on one database, and the steps of which plays are made. */
export class FaultStage {
  readonly faults = new Faults();
  /** Task name → id. */
  ids: ReadonlyMap<string, number> = new Map();
  runs: StageRun[] = [];
  /** How often the first instance has refused a person's command. */
  refusals = 0;
  /** The first instance has been told to stop. */
  stopping: Promise<void> | undefined;
  private readonly apps = new Map<Actor, TestApp>();
  /** Their present lives. */
  private readonly lives = new Map<Actor, string>();
  private gate = gate();

  constructor(
    readonly schema: TestDatabase,
    private readonly settings: StageSettings,
  ) {}

  get first(): TestApp {
    return this.app('first');
  }

  get heir(): TestApp {
    return this.app('heir');
  }

  /** An instance asks what an idle one asks now and then, and sweeps if it is time to. */
  async tick(app: TestApp): Promise<void> {
    await app.nest.get(SchedulerRegistry).getCronJob(REDRIVE_JOB).fireOnTick();
  }

  /** Until then no handler ends where faults happen. */
  letEnd(): void {
    this.gate.open();
  }

  /** Whoever is dead waits for nothing. */
  async until(condition: () => boolean | Promise<boolean>, what: string): Promise<void> {
    await waitFor(async () => this.faults.dead || (await condition()), { what, interval: 1 });
  }

  async begun(count: number): Promise<void> {
    await this.until(() => this.runs.length >= count, `${count} handlers to begin`);
  }

  /** So many tasks are claimed and have not begun. */
  async held(count: number): Promise<void> {
    const giveUpAt = performance.now() + 2 * LONGEST_HOLD;
    const isMissed = () => performance.now() > giveUpAt;
    const held = async () =>
      (await this.ledger()).flatMap((row) => Object.values(decodeHeld(row.held)).flat());
    await this.until(async () => isMissed() || (await held()).length === count, `${count} held tasks`);
    if (isMissed()) throw new Missed(`${count} tasks were to be held`);
  }

  /** An instance takes and runs what is due, until nothing is left. */
  async settled(app: TestApp): Promise<void> {
    let isOver = false;
    const over = () => void (isOver = true);
    app.redo.redrive().then(over, over);
    await this.until(() => isOver, 'all to be settled');
  }

  /** A person commands, once more if it was refused. */
  async command(give: () => Promise<unknown>): Promise<void> {
    let isOver = false;
    const over = () => void (isOver = true);
    const again = () => {
      if (isOver) return;
      this.refusals += 1;
      give().then(over, () => {});
    };
    give().then(over, again);
    await this.until(() => isOver, 'the command to be carried out');
    over();
  }

  async stop(): Promise<void> {
    let isOver = false;
    this.stopping = this.first.close().then(() => void (isOver = true));
    await this.until(() => isOver, 'the instance to stop');
  }

  has(by: Actor): boolean {
    return this.apps.has(by);
  }

  /** An instance starts. */
  async enter(by: Actor): Promise<void> {
    this.apps.set(by, await this.start(by));
    const isThere = () => this.lives.has(by) || (by === 'first' && this.faults.dead);
    if (this.redrives(by)) await waitFor(isThere, { what: 'an instance to register', interval: 1 });
  }

  async exit(by: Actor): Promise<void> {
    await this.apps.get(by)?.close();
    this.apps.delete(by);
    this.lives.delete(by);
  }

  /** Whoever redrives has nothing to do and asks nothing. */
  async rest(): Promise<void> {
    await this.schema.query('DELETE FROM tbl_redotask');
    for (const [by, app] of this.apps) if (this.redrives(by)) await this.settled(app);
    this.runs = [];
    this.refusals = 0;
    this.gate = gate();
    this.faults.works = [];
    for (const { happenings } of this.apps.values()) happenings.splice(0);
  }

  /** The ids of those that live, as they themselves say. */
  living(): string[] {
    const isGone = this.faults.dead || this.stopping;
    return [...this.lives].flatMap(([by, id]) => (by === 'first' && isGone ? [] : id)).sort();
  }

  ledger(): Promise<{ id: string; held: string; running: string }[]> {
    return this.schema.query('SELECT id, held, running FROM tbl_redo_worker ORDER BY id');
  }

  /** The server has noticed that a client is gone, and rolled back what it left. */
  async locksAreFree(): Promise<void> {
    for (const table of ['tbl_pessimistic_lock', 'tbl_redotask', 'tbl_redo_worker'])
      await this.schema.query(`UPDATE ${table} SET id = id`);
  }

  /** The names of the tasks that ran on the first instance, as its row says. */
  async runningOnFirst(): Promise<string[]> {
    const row = (await this.ledger()).find(({ id }) => id === this.lives.get('first'));
    const marks = Object.values(decodeRunning(row?.running ?? null)).flat();
    const running = new Set(marks.map(([id]) => id));
    return [...this.ids].filter(([, id]) => running.has(id)).map(([name]) => name);
  }

  async close(): Promise<void> {
    this.letEnd();
    this.faults.revive();
    await this.stopping;
    this.stopping = undefined;
    for (const by of ['first', 'heir'] as const) await this.exit(by);
    for (const table of ['tbl_redotask', 'tbl_redo_worker', 'tbl_redo_pause'])
      await this.schema.query(`DELETE FROM ${table}`);
  }

  private app(by: Actor): TestApp {
    const app = this.apps.get(by);
    if (!app) throw new Error(`there is no instance '${by}' now`);
    return app;
  }

  private redrives(by: Actor): boolean {
    return by === 'heir' || !this.settings.isPerson;
  }

  private start(by: Actor): Promise<TestApp> {
    const { faults, schema, settings } = this;
    const waits = by === (settings.isPerson ? 'heir' : 'first');
    const handlers = PLANTED_TYPES.map(([type, end]) => [
      type,
      async (name: string, { attempt, signal }: RedoContext) => {
        this.runs.push({ name, by, attempt });
        if (waits) await Promise.race([this.gate.passed, aborted(signal)]);
        return end(signal);
      },
    ]);
    return startApp(schema, {
      handlers: Object.fromEntries(handlers) as Record<string, never>,
      options: {
        schedule: { cron: '0 0 0 1 1 *' },
        // Long enough that no renewal wakes whoever oversleeps.
        lease: 300_000,
        defaults: { backoff: { type: 'fixed', delay: 3_600_000 } },
        worker: this.redrives(by),
        ...settings.options,
      },
      dataSource: by === 'first' ? faults.options(schema) : {},
      beforeStart: (nest) => {
        if (by === 'first') faults.lieInWait(nest);
        nest.get(RedoEvents).on('workerStarted', ({ workerId }) => void this.lives.set(by, workerId));
      },
    });
  }
}

const aborted = (signal: AbortSignal) =>
  new Promise<void>((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve());
  });
