/** A worker of the application under chaos; see `service.ts`. It tells every event and obeys `exhaust`. */
import { setTimeout as delay } from 'node:timers/promises';
import { Module } from '@nestjs/common';
import {
  type RedoContext,
  type RedoEventName,
  RedoEvents,
  RedoHandlerRegistry,
  RedoResult,
  RedoTask,
} from 'nestjs-redo';
import { DataSource } from 'typeorm';
import { type Deed, DEED_NAMES, deedOf, type Order } from './deeds.js';
import { type RunOutcome } from './evidence.js';
import { RunWriter } from './run-writer.js';
import { obey, serviceSettings, startService, tell } from './service.js';
import { POOL_SIZE } from './settings.js';

const TOLD: readonly RedoEventName[] = [
  'succeeded',
  'failed',
  'postponed',
  'dead',
  'parked',
  'workerStarted',
  'workerLapsed',
  'leaseLost',
  'workerStopped',
];

const settings = serviceSettings();
const ledger = new RunWriter(settings.ledgerUrl);
/** This process's life as a worker: handlers begin in none but the last. */
let worker = '';

async function handle(deed: Deed, order: Order, context: RedoContext): Promise<RedoResult | void> {
  const run = await ledger.begin(order, context.id, context.attempt, worker);
  const means = {
    runs: () => ledger.runsOf(order.key),
    crash() {
      tell('crashing', { task: context.id });
      process.kill(process.pid, 'SIGKILL');
      return new Promise<never>(() => {});
    },
  };
  let outcome: RunOutcome = 'failed';
  try {
    const result = await deed.act(order, context, means);
    outcome = outcomeOf(result);
    return result;
  } catch (error) {
    if (error === context.signal.reason)
      outcome = (error as Error).name === 'AbortError' ? 'handed back' : 'aborted';
    throw error;
  } finally {
    await ledger.end(run, outcome);
  }
}

function outcomeOf(result: RedoResult | void): RunOutcome {
  if (!RedoResult.is(result)) return 'succeeded';
  const outcomes = {
    success: 'succeeded',
    failure: 'failed',
    retryAfter: 'postponed',
    discard: 'discarded',
  } as const;
  return outcomes[result.verdict.kind];
}

@Module({})
class WorkerModule {
  constructor(registry: RedoHandlerRegistry, events: RedoEvents) {
    for (const name of DEED_NAMES) {
      const deed = deedOf(name);
      registry.register(RedoTask.define(name, deed.policy), (order: Order, context) =>
        handle(deed, order, context),
      );
    }
    events.on('workerStarted', ({ workerId }) => void (worker = workerId));
    for (const name of TOLD)
      events.on(name, (event: object) => {
        const { id, workerId } = event as { id?: number; workerId?: string };
        tell(name, { id, workerId });
      });
    events.on('trouble', ({ doing, error, failures }) =>
      tell('trouble', { doing, error: error.message, failures }),
    );
  }
}

const app = await startService(settings, WorkerModule);

obey({
  /** The application takes every connection of the pool and keeps them. */
  async exhaust({ ms }: { ms: number }) {
    const runners = Array.from({ length: POOL_SIZE }, () => app.get(DataSource).createQueryRunner());
    const taken = runners.map((runner) => runner.connect().catch(() => undefined));
    tell('exhausting', {});
    await delay(ms);
    for (const [index, runner] of runners.entries())
      void taken[index]!.then(() => runner.release()).catch(() => undefined);
  },
});
tell('ready', {});
