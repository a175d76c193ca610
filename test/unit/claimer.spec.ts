import { afterEach, expect, jest, test } from '@jest/globals';
import type { RedoHandlerRegistry } from '../../lib/handlers/handler.registry.js';
import type { RedoEvents } from '../../lib/redo.events.js';
import type { Backlog } from '../../lib/redrive/backlog.js';
import { Claimer } from '../../lib/redrive/claimer.js';
import { DatabaseClock } from '../../lib/redrive/database.clock.js';
import { Lease } from '../../lib/redrive/lease.js';
import type { PassesUnderWay } from '../../lib/redrive/redrive.pass.js';
import { WorkerLife } from '../../lib/redrive/worker.life.js';
import { DEFAULT_POLICY } from '../../lib/handlers/redo-policy.js';
import { type Claim, readClaimed } from '../../lib/store/claim.js';
import type { Database } from '../../lib/store/database.js';
import { NOBODY_ELSE } from '../../lib/store/free.sight.js';
import { mysqlDialect } from '../../lib/store/mysql.dialect.js';
import type { Statement } from '../../lib/store/sql.js';
import { decodeTask, type TaskRow } from '../../lib/store/task.row.js';
import type { Row, Work } from '../../lib/store/work.js';

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

const TYPE = { redoTaskId: 'job', policy: DEFAULT_POLICY, handle: () => {}, place: '' };
const ROW = {
  id: 1,
  redo_task_id: 'job',
  exec_times: 0,
  max_attempts: 3,
  req_param: '{"params":1}',
  add_time: 0,
};

/** A life that reads again what it holds, its statements answered so; and what it was told to remember of pauses. */
async function readingAgain(answer: (statement: Statement) => readonly Row[]) {
  const database = {
    dialect: mysqlDialect,
    read: (work: () => Work<unknown>) => {
      const reading = work();
      let step = reading.next();
      while (!step.done)
        step = reading.next({ rows: answer(step.value as Statement), affected: 0, insertId: NaN });
      return Promise.resolve(step.value);
    },
  } as unknown as Database;
  const rememberPaused = jest.fn<Backlog['rememberPaused']>();
  const claimer = new Claimer(
    database,
    { handled: () => TYPE } as unknown as RedoHandlerRegistry,
    { rememberPaused } as unknown as Backlog,
    new DatabaseClock(),
    {} as PassesUnderWay,
    {} as RedoEvents,
  );
  await claimer.readAgain(life);
  return rememberPaused;
}

test('a pause while what is held is read again is seen, or its knock is still to be heard', async () => {
  life = new WorkerLife(WORKER, new Lease(WORKER.lease, () => {}));
  const { task } = decodeTask(ROW as TaskRow);
  life.hold({ task, type: TYPE, since: performance.now(), knocks: 0 });
  let knocks = 1;
  const paused: { redo_task_id: string }[] = [];
  const rememberPaused = await readingAgain(({ text }) => {
    const rows = text.includes('tbl_redo_pause') ? [...paused] : [{ ...ROW, knocks }];
    if (paused.length === 0) {
      paused.push({ redo_task_id: 'job' });
      knocks += 1;
    }
    return rows;
  });
  expect(rememberPaused.mock.lastCall).toEqual([new Set(['job']), 1]);
  expect(life.held.get(1)!.knocks).toBe(1);
});

test('what is read again is still not due before it was', async () => {
  life = new WorkerLife(WORKER, new Lease(WORKER.lease, () => {}));
  const { task } = decodeTask(ROW as TaskRow);
  const dueAt = performance.now() + 60_000;
  life.hold({ task, type: TYPE, since: 7, knocks: 0, dueAt });
  await readingAgain(({ text }) => (text.includes('tbl_redo_pause') ? [] : [{ ...ROW, knocks: 1 }]));
  expect(life.held.get(1)).toMatchObject({ since: 7, knocks: 1, dueAt });
  expect(life.nextStarts(1)).toEqual([]);
});

test('what is read of tasks that are gone tells of no knocks', () => {
  const reading = readClaimed(mysqlDialect, 'own', [1]);
  reading.next();
  const answered = reading.next({ rows: [], affected: 0, insertId: NaN });
  expect(answered.value).toStrictEqual({ tasks: [], knocks: undefined });
});
