import { styleText } from 'node:util';
import type { RedoEventMap, RedoEvents } from 'nestjs-redo';
import type { Order } from '../orders/order.entity.js';
import type { OrdersService } from '../orders/orders.service.js';

/** Events about one task. */
type TaskEventName = 'added' | 'failed' | 'postponed' | 'succeeded' | 'dead' | 'parked';

type Mood = 'plain' | 'stage' | 'good' | 'waiting' | 'bad';

/** @param till when it will be so many ms after the event */
type Wording<K extends TaskEventName> = (
  event: RedoEventMap[K],
  till: (delay: number) => string,
  order: Order | null,
) => string;

const COLOURS = { plain: 'reset', stage: 'cyan', good: 'green', waiting: 'yellow', bad: 'red' } as const;

/** Tells line by line, in plain words, what the library reports by its events. */
export class Narrator {
  private readonly beginning = performance.now();
  private telling: Promise<void> = Promise.resolve();

  constructor(
    private readonly events: RedoEvents,
    private readonly orders: OrdersService,
  ) {
    this.tellOfTasks();
    this.tellOfTheEngine();
  }

  /** A line of the script's own, in its turn among the others. */
  say(who: string, words: string, mood: Mood = 'stage'): void {
    this.enqueue(mood, () => [who, words]);
  }

  /** Resolves when everything that has happened so far is told. */
  async finished(): Promise<void> {
    await this.telling;
  }

  private tellOfTasks(): void {
    this.on('added', 'plain', ({ id }, _, order) =>
      order ? `placed: ${order.quantity} × ${order.item}, stored together with redo task ${id}` : 'added',
    );
    this.on('failed', 'waiting', ({ attempt, maxAttempts, error, delay }, till) => {
      const count = maxAttempts === null ? `${attempt}` : `${attempt} of ${maxAttempts}`;
      return `attempt ${count} failed, waits until ${till(delay)}: ${error.message}`;
    });
    this.on(
      'postponed',
      'waiting',
      ({ attempt, delay }, till) =>
        `attempt ${attempt} not counted, waits until ${till(delay)}: the partner asked for ${seconds(delay)} of patience`,
    );
    this.on('succeeded', 'good', ({ attempt }) =>
      attempt === 1 ? 'notified at the first attempt' : `RECOVERED: notified at attempt ${attempt}`,
    );
    this.on('dead', 'bad', (event) => `DEAD, ${causeOfDeath(event)}`);
    this.on('parked', 'bad', ({ error }) => `STUCK until a person looks at it: ${error}`);
  }

  private tellOfTheEngine(): void {
    const { events } = this;
    events.on('trouble', ({ doing, error, retryIn }) =>
      this.say('redo', `can't ${doing}, ${error.message}; tries again in ${seconds(retryIn)}`, 'waiting'),
    );
    events.on('recovered', ({ doing }) => this.say('redo', `can ${doing} again`, 'good'));
    events.on('leaseLost', ({ reason }) => this.say('redo', `lost its lease: ${reason}`, 'bad'));
    events.on('workerLapsed', ({ host, pid, charged }) =>
      this.say('redo', `an instance died (${host}, pid ${pid}) in ${charged.length} attempts; takes over`),
    );
  }

  private on<K extends TaskEventName>(name: K, mood: Mood, word: Wording<K>): void {
    this.events.on(name, (event) => {
      const now = this.elapsed();
      this.enqueue(mood, async () => {
        // The library says which task; whose it is, the order knows.
        const order = await this.orders.findByTask(event.id).catch(() => null);
        const who = order ? nameOf(order) : `redo task ${event.id}`;
        return [who, word(event, (delay) => seconds(now + delay), order)];
      });
    });
  }

  /** To look up an order takes a moment, and lines must not overtake each other meanwhile. */
  private enqueue(mood: Mood, line: () => [string, string] | Promise<[string, string]>): void {
    const time = seconds(this.elapsed());
    this.telling = this.telling.then(async () => {
      const [who, words] = await line();
      console.log(`${time.padStart(7)}  ${who.padEnd(19)}  ${coloured(mood, words)}`);
    });
  }

  private elapsed(): number {
    return performance.now() - this.beginning;
  }
}

export const nameOf = ({ id, partner }: Pick<Order, 'id' | 'partner'>) => `order ${id} → ${partner}`;

function causeOfDeath({ reason, detail, attempts }: RedoEventMap['dead']): string {
  switch (reason) {
    case 'EXHAUSTED':
      return `exhausted after ${attempts} attempts: ${detail}`;
    case 'EXPIRED':
      return 'expired: the partner could not be notified in time';
    case 'DISCARDED':
      return `discarded by its handler, no more attempts: ${detail}`;
  }
}

const seconds = (ms: number) => `${(ms / 1_000).toFixed(1)} s`;

/** Only where somebody sees it. */
const coloured = (mood: Mood, words: string) =>
  process.stdout.isTTY && !process.env['NO_COLOR'] ? styleText(COLOURS[mood], words) : words;
