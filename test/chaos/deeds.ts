import { setTimeout as delay } from 'node:timers/promises';
import { type RedoContext, type RedoPolicy, RedoResult } from 'nestjs-redo';
import { LEASE } from './settings.js';

/** What a task asks of its handler; the parameters of the task. */
export interface Order {
  /** Unique within a run. */
  readonly key: string;
  readonly deed: DeedName;
  /** How long the handler works, ms. */
  readonly ms: number;
  /** How many attempts fail, or are postponed, before one succeeds. */
  readonly times: number;
  /** The handler does not heed its signal: it may run on when its worker has lost its lease or stops. */
  readonly stubborn: boolean;
}

/** How a task must end. */
export type End = 'SUCCEEDED' | 'EXHAUSTED' | 'EXPIRED' | 'DISCARDED';

/** What a handler can do beside its order. */
export interface Means {
  /** How many runs this order has had, this one included. */
  runs(): Promise<number>;
  /** Ends the process as `kill -9` does. */
  crash(): Promise<never>;
}

export interface Deed {
  readonly policy: RedoPolicy;
  readonly end: End;
  /** Its share of all tasks. */
  readonly weight: number;
  /** It takes a while, or a process: none is ordered shortly before the run ends. */
  readonly heavy?: boolean;
  act(order: Order, context: RedoContext, means: Means): Promise<RedoResult | void>;
}

const soon = { type: 'fixed', delay: 100 } as const;
/** So many that no chain of faults uses them up. */
const PLENTY = 50;
/** Slow deeds leave the other ones places on each worker. */
const FEW = 2;
/** Longer than the timeout of its type, ms. */
const HANGS_FOR = 900;

/** Task type → what it does. */
export const DEEDS = {
  quick: {
    policy: { maxAttempts: PLENTY, backoff: soon },
    end: 'SUCCEEDED',
    weight: 62,
    act: (order, context) => work(order.ms, order, context),
  },
  flaky: {
    policy: { maxAttempts: PLENTY, backoff: soon },
    end: 'SUCCEEDED',
    weight: 10,
    async act(order, context) {
      await work(order.ms, order, context);
      if (context.attempt <= order.times) throw new Error('as ordered');
    },
  },
  fails: {
    policy: { maxAttempts: 3, backoff: soon },
    end: 'EXHAUSTED',
    weight: 6,
    async act(order, context) {
      await work(order.ms, order, context);
      throw new Error('as ordered');
    },
  },
  postpones: {
    policy: { maxAttempts: PLENTY, backoff: soon },
    end: 'SUCCEEDED',
    weight: 5,
    async act(order, context, means) {
      await work(order.ms, order, context);
      return (await means.runs()) <= order.times ? RedoResult.retryAfter(100) : RedoResult.SUCCESS;
    },
  },
  discards: {
    policy: { maxAttempts: PLENTY, backoff: soon },
    end: 'DISCARDED',
    weight: 4,
    async act(order, context) {
      await work(order.ms, order, context);
      return RedoResult.discard('as ordered');
    },
  },
  expires: {
    policy: { tryForever: true, expiresIn: 1_500, backoff: { type: 'fixed', delay: 300 } },
    end: 'EXPIRED',
    weight: 4,
    async act(order, context) {
      await work(order.ms, order, context);
      throw new Error('as ordered');
    },
  },
  hangs: {
    policy: { maxAttempts: 2, timeout: 600, backoff: soon, concurrency: FEW },
    end: 'EXHAUSTED',
    weight: 3,
    heavy: true,
    async act() {
      await delay(HANGS_FOR);
      throw new Error('too late');
    },
  },
  long: {
    policy: { maxAttempts: PLENTY, backoff: soon, concurrency: FEW },
    end: 'SUCCEEDED',
    weight: 3,
    heavy: true,
    act: (order, context) =>
      work(context.attempt === 1 ? 1.1 * LEASE + 10 * order.ms : order.ms, order, context),
  },
  crashes: {
    policy: { maxAttempts: 2, backoff: soon, concurrency: 1 },
    end: 'EXHAUSTED',
    weight: 0.06,
    heavy: true,
    act: (_order, _context, means) => means.crash(),
  },
  'crashes-once': {
    policy: { maxAttempts: PLENTY, backoff: soon, concurrency: 1 },
    end: 'SUCCEEDED',
    weight: 0.06,
    heavy: true,
    act: (order, context, means) => (context.attempt === 1 ? means.crash() : work(order.ms, order, context)),
  },
} satisfies Record<string, Deed>;

export type DeedName = keyof typeof DEEDS;

export const DEED_NAMES = Object.keys(DEEDS) as DeedName[];

export const deedOf = (name: DeedName): Deed => DEEDS[name];

async function work(ms: number, { stubborn }: Order, { signal }: RedoContext): Promise<void> {
  if (stubborn) return delay(ms);
  if (signal.aborted) throw signal.reason as Error;
  await delay(ms, undefined, { signal }).catch(() => {
    throw signal.reason as Error;
  });
}
