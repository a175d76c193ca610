import { afterEach, expect, jest, test } from '@jest/globals';
import type { RedoHandlerRegistry } from '../../lib/handlers/handler.registry.js';
import type { RedoEvents } from '../../lib/redo.events.js';
import type { Backlog } from '../../lib/redrive/backlog.js';
import { Claimer } from '../../lib/redrive/claimer.js';
import { DatabaseClock } from '../../lib/redrive/database.clock.js';
import { Lease } from '../../lib/redrive/lease.js';
import type { PassesUnderWay } from '../../lib/redrive/redrive.pass.js';
import { WorkerLife } from '../../lib/redrive/worker.life.js';
import type { Claim } from '../../lib/store/claim.js';
import type { Database } from '../../lib/store/database.js';
import { NOBODY_ELSE } from '../../lib/store/free.sight.js';

const WORKER = { id: 'own', applicationName: 'app', host: '', pid: 1, handlers: () => [], lease: 30_000 };
const LOCKED: Claim = { kind: 'locked' };
const CLAIMED: Claim = {
  kind: 'claimed',
  sight: {
    now: 0,
    workers: [],
    paused: new Set(),
    due: new Map(),
    knocks: 0,
    elsewhere: NOBODY_ELSE,
    mayHaveMissed: false,
  },
  taken: [],
  expired: [],
  passedOver: new Set(),
  reaped: [],
  more: new Map(),
};
const NOTHING_DUE: Partial<Backlog> = {
  appetite: () => ({ total: 1, perType: new Map(), after: new Map(), lastServed: undefined }),
  elsewhere: NOBODY_ELSE,
  remember: () => {},
  dealt: () => {},
};

let life: WorkerLife;
afterEach(() => {
  life.lease.end();
  jest.restoreAllMocks();
});

test('who finds the lock row taken stays away as long as its own last claim took', async () => {
  let now = 10_000;
  jest.spyOn(performance, 'now').mockImplementation(() => now);
  jest.spyOn(Math, 'random').mockReturnValue(0.5);
  life = new WorkerLife(WORKER, new Lease(WORKER.lease, () => {}));
  const answers: [Claim, ms: number][] = [
    [LOCKED, 40],
    [CLAIMED, 12],
    [LOCKED, 40],
  ];
  const database = {
    // Whether the row is free, once it was not.
    autocommit: () => Promise.resolve(true),
    transaction: () => {
      const [claim, ms] = answers.shift()!;
      now += ms;
      return Promise.resolve(claim);
    },
  } as unknown as Database;
  const claimer = new Claimer(
    database,
    {} as RedoHandlerRegistry,
    NOTHING_DUE as Backlog,
    new DatabaseClock(),
    { count: () => {} } as unknown as PassesUnderWay,
    { emit: () => {} } as unknown as RedoEvents,
  );
  const rests: number[] = [];
  while (answers.length > 0) {
    await claimer.claim(life);
    rests.push(Math.max(0, claimer.restFor()));
    now += 1_000;
  }
  expect(rests).toEqual([3, 0, 12]);
});
