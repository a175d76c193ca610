import type { RedoOptions, RedoPolicy } from 'nestjs-redo';
import { type NodeProcess, spawnNode } from './spawn-node.js';
import { type TestDatabase } from './test-database.js';

/** What a handler of `test/processes/worker.ts` does with a task. */
export type Deed =
  /** Ends at once. */
  | 'succeed'
  | 'fail'
  /** Ends after `params.ms`. */
  | 'work'
  /** Ends once `params.processes` processes have begun something, and after `params.ms`. */
  | 'meet'
  /** Ends, failed, when its signal is aborted, and not before. */
  | 'listen'
  /** Never ends. */
  | 'sleep'
  /** Kills its process, as `kill -9` does. */
  | 'kill';

/** A task's parameters say what is done with it, unless the process does the same with all. */
export interface Order {
  readonly deed?: Deed;
  readonly ms?: number;
  readonly processes?: number;
}

export interface WorkerSettings {
  /** Task type → its policy, and what this process does with all such tasks. @default { job: {} } */
  readonly types?: Readonly<Record<string, { readonly policy?: RedoPolicy; readonly deed?: Deed }>>;
  /** @default a schedule that ticks every 20 ms */
  readonly options?: RedoOptions;
  readonly applicationName?: string;
  /** How the process reaches the database, where not as the test does: through a proxy. */
  readonly url?: string;
  /** Where the handlers write down what they do; never through a proxy. */
  readonly ledgerUrl?: string;
  readonly poolSize?: number;
  readonly env?: NodeJS.ProcessEnv;
}

export const SETTINGS_VARIABLE = 'REDO_TEST_WORKER';

const running = new Set<NodeProcess>();

/**
 * Starts an application in a process of its own. It prints `ready`, then a line for each event (`started {"id":1,…}`), and
 * obeys lines: `add {"type", "params", "options"}`, `get <id>`, `close`.
 */
export async function spawnWorker(
  database: TestDatabase,
  settings: WorkerSettings = {},
): Promise<NodeProcess> {
  const { env, ...rest } = settings;
  const given: WorkerSettings = { url: database.url, ledgerUrl: database.url, ...rest };
  const worker = await spawnNode('worker', { env: { ...env, [SETTINGS_VARIABLE]: JSON.stringify(given) } });
  running.add(worker);
  return worker;
}

/** As `spawnWorker`, once it redrives. */
export async function startWorker(database: TestDatabase, settings?: WorkerSettings): Promise<NodeProcess> {
  const worker = await spawnWorker(database, settings);
  await worker.waitForLine('workerStarted');
  return worker;
}

/** Kills what the test left behind. */
export async function killWorkers(): Promise<void> {
  for (const worker of running) {
    worker.kill();
    await worker.exited;
  }
  running.clear();
}

/** The events of one kind that a worker has told so far. */
export function toldBy(worker: NodeProcess, event: string): Record<string, unknown>[] {
  return worker.lines
    .filter((line) => line.startsWith(`${event} `))
    .map((line) => JSON.parse(line.slice(event.length + 1)) as Record<string, unknown>);
}

/** Sends a line and gives the answer to it. */
export async function ask(worker: NodeProcess, line: string): Promise<Record<string, unknown>> {
  const number = ++questions;
  worker.send(`${number} ${line}`);
  const answer = await worker.waitForLine(`answer ${number} `);
  return JSON.parse(answer.slice(`answer ${number} `.length)) as Record<string, unknown>;
}

let questions = 0;
