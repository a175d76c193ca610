import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { type FakeClock } from '../support/faketime.js';
import { type NodeProcess, spawnNode } from '../support/spawn-node.js';
import { type TcpProxy } from '../support/tcp-proxy.js';
import { waitFor } from '../support/wait-for.js';
import { type Dice } from './dice.js';
import { monotonic } from './monotonic.js';
import { type ServiceSettings, SETTINGS_VARIABLE } from './service.js';

/** A place for a worker: its process is replaced when it ends, its way to the database and its clock stay. */
export interface Slot {
  readonly number: number;
  /** Undefined on SQLite. */
  readonly proxy: TcpProxy | undefined;
  readonly clock: FakeClock | undefined;
}

/** One process that was started in a slot. */
export interface Worker {
  readonly slot: number;
  readonly process: NodeProcess;
  /** Who ended it, once somebody has; `a handler` is found in what it told. */
  endedBy: string | undefined;
  exit: { readonly at: number; readonly how: string } | undefined;
  /** It was to stop and had to be killed. */
  overdue: boolean;
}

export const spawnService = (name: 'worker' | 'producer', settings: ServiceSettings, env = {}) =>
  spawnNode(fileURLToPath(new URL(`./${name}.process.js`, import.meta.url)), {
    env: { ...env, [SETTINGS_VARIABLE]: JSON.stringify(settings) },
  });

/** How long a worker may take until it redrives, and until it has stopped, ms. */
const START = 30_000;
const STOP = 20_000;

/** The workers, and the supervisor that replaces those that end. */
export class Fleet {
  /** All that were ever started. */
  readonly workers: Worker[] = [];
  private readonly current = new Map<number, Worker>();
  private supervising = true;
  private readonly replacements = new Set<Promise<void>>();

  constructor(
    readonly slots: readonly Slot[],
    private readonly settings: ServiceSettings,
    private readonly dice: Dice,
  ) {}

  async start(): Promise<void> {
    await Promise.all(this.slots.map((slot) => this.launch(slot)));
    await this.allUp();
  }

  async allUp(): Promise<void> {
    for (const { number } of this.slots) await this.up(number);
  }

  /** The worker of a slot once it redrives. */
  up(slot: number): Promise<Worker> {
    return waitFor(
      () => {
        const worker = this.current.get(slot);
        return worker && !worker.exit && hasTold(worker, 'workerStarted') ? worker : undefined;
      },
      { timeout: START, what: `worker ${slot} to redrive` },
    );
  }

  /** Its slot's process by now, if there is one. */
  at(slot: number): Worker | undefined {
    return this.current.get(slot);
  }

  slot(number: number): Slot {
    return this.slots[number - 1] as Slot;
  }

  /** Once a worker that was told to stop has; one that does not is killed and noted. */
  async stopped(worker: Worker): Promise<void> {
    const giveUp = setTimeout(() => {
      worker.overdue = true;
      worker.process.kill('SIGKILL');
    }, STOP);
    await worker.process.exited;
    clearTimeout(giveUp);
  }

  /** From now on nothing is started any more. */
  async abandon(): Promise<void> {
    this.supervising = false;
    await Promise.all(this.replacements);
  }

  /** Stops all in good order. */
  async stop(): Promise<void> {
    await this.abandon();
    const running = this.workers.filter(({ exit }) => !exit);
    for (const worker of running) {
      worker.endedBy ??= 'the end of the run';
      worker.process.kill('SIGTERM');
    }
    await Promise.all(running.map((worker) => this.stopped(worker)));
  }

  kill(): void {
    for (const { process } of this.workers) process.kill();
  }

  private async launch(slot: Slot): Promise<void> {
    const url = slot.proxy?.url ?? this.settings.url;
    const process = await spawnService('worker', { ...this.settings, url }, slot.clock?.env);
    const worker: Worker = {
      slot: slot.number,
      process,
      endedBy: undefined,
      exit: undefined,
      overdue: false,
    };
    this.workers.push(worker);
    this.current.set(slot.number, worker);
    void process.exited.then(({ code, signal }) => {
      worker.exit = { at: monotonic(), how: signal ?? `exit code ${code}` };
      if (this.supervising) this.replace(slot);
    });
  }

  private replace(slot: Slot): void {
    const replaced = delay(this.dice.integer(100, 1_500)).then(() => this.launch(slot));
    this.replacements.add(replaced);
    void replaced.finally(() => this.replacements.delete(replaced));
  }
}

export const hasTold = ({ process }: Worker, event: string): boolean =>
  process.lines.some((line) => line.startsWith(`${event} `));
