import { setImmediate as turnOfTheEventLoop } from 'node:timers/promises';
import { afterEach, beforeEach, expect, jest, test } from '@jest/globals';
import { DEFAULT_POLICY } from '../../lib/handlers/redo-policy.js';
import type { HandledType } from '../../lib/handlers/handler.registry.js';
import type { RedoEvents } from '../../lib/redo.events.js';
import type { ResolvedRedoOptions } from '../../lib/redo.options.js';
import type { Backlog } from '../../lib/redrive/backlog.js';
import { Bell } from '../../lib/redrive/bell.js';
import { Lease } from '../../lib/redrive/lease.js';
import type { Outcome } from '../../lib/redrive/outcome.js';
import { Overtime } from '../../lib/redrive/overtime.js';
import { Starter } from '../../lib/redrive/starter.js';
import { WorkerLife } from '../../lib/redrive/worker.life.js';
import type { Database } from '../../lib/store/database.js';
import type { ServerDialect } from '../../lib/store/dialect.js';
import { mariadbDialect } from '../../lib/store/mariadb.dialect.js';
import { mysqlDialect } from '../../lib/store/mysql.dialect.js';
import { postgresDialect } from '../../lib/store/postgres.dialect.js';
import { Turn } from '../../lib/store/turn.js';
import { NO_ANSWER, type Row, type Work } from '../../lib/store/work.js';

const WORKER = { id: 'own', applicationName: 'app', host: '', pid: 1, handlers: () => [], lease: 30_000 };
const TYPE: HandledType = { redoTaskId: 'job', policy: DEFAULT_POLICY, handle: () => {}, place: '' };
const NEW_TASK = {
  applicationName: 'app',
  redoTaskId: 'job',
  maxAttempts: 3,
  tryForever: false,
  reqParam: '{"params":1}',
  due: { in: 0 },
  expiry: null,
  dedupeKey: null,
} as const;
const ROW = {
  id: 7,
  redo_task_id: 'job',
  exec_times: 0,
  add_time: 0,
  expire_time: null,
  req_param: '{"params":1}',
};

let life: WorkerLife;
beforeEach(() => {
  life = new WorkerLife(WORKER, new Lease(WORKER.lease, () => {}));
});
afterEach(() => life.lease.end());

/** What becomes of the call when each statement is answered so. */
async function adding(dialect: ServerDialect, answer: () => unknown, type = TYPE): Promise<string> {
  const does = <T>(work: () => Work<T>): Promise<T> => {
    const running = work();
    let step = running.next();
    while (!step.done)
      if (step.value instanceof Turn) step = running.next(NO_ANSWER);
      else
        try {
          const rows = [answer()] as Row[];
          step = running.next({ rows, affected: 1, insertId: 7 });
        } catch (error) {
          step = running.throw(error);
        }
    return Promise.resolve(step.value);
  };
  const database = {
    dialect,
    autocommit: (work: () => Work<unknown>) => Promise.resolve().then(() => does(work)),
    transaction: (work: () => Work<unknown>) => Promise.resolve().then(() => does(work)),
  } as unknown as Database;
  const backlog = { expect: jest.fn(), began: () => {}, unpausedUntil: () => 0 } as unknown as Backlog;
  const bell = new Bell();
  const events = { emit: () => {} } as unknown as RedoEvents;
  const starter = new Starter(
    database,
    { redact: false } as ResolvedRedoOptions,
    backlog,
    new Overtime(bell),
    events,
    bell,
  );
  const tell = jest.fn();
  try {
    await starter.addAndBegin(life, type, NEW_TASK, tell);
  } catch (error) {
    return `unknown: ${(error as Error).message}`;
  }
  return tell.mock.calls.length > 0 ? 'added' : 'not added';
}

const rowsOf = (dialect: ServerDialect) =>
  dialect === mariadbDialect ? [{ ...ROW, marked: 1 }] : { ...ROW, marked: 1 };

test.each([mysqlDialect, mariadbDialect, postgresDialect])(
  'a task that $name adds by the same COMMIT as its mark is running when it is told',
  async (dialect) => {
    expect(await adding(dialect, () => rowsOf(dialect))).toBe('added');
    expect([...life.running.keys()]).toEqual([7]);
  },
);

test.each([mysqlDialect, mariadbDialect, postgresDialect])(
  'with $name a life that is over when its turn comes has added nothing: the task is to be added plainly',
  async (dialect) => {
    life.over = true;
    expect(await adding(dialect, () => rowsOf(dialect))).toBe('not added');
  },
);

test.each([
  [mariadbDialect, { errno: 1062, sqlState: '23000' }],
  [postgresDialect, { code: '23505', severity: 'ERROR' }],
] as const)('what $name refuses was not added; without an answer nobody knows', async (dialect, refusal) => {
  const refuse = () => {
    throw Object.assign(new Error('refused'), { driverError: refusal });
  };
  const lose = () => {
    throw Object.assign(new Error('lost'), { driverError: { code: 'ECONNRESET' } });
  };
  expect(await adding(dialect, refuse)).toBe('not added');
  expect(await adding(dialect, lose)).toBe('unknown: lost');
});

test.each([
  [
    'at once',
    () => {
      throw new Error('the partner is down');
    },
    'at Object.handle',
  ],
  [
    'later',
    async function callPartner() {
      await Promise.resolve();
      throw new Error('the partner is down');
    },
    'at Object.callPartner [as handle]',
  ],
])('the stack of what a handler throws %s shows the handler alone', async (_, handle, call) => {
  await adding(mysqlDialect, () => rowsOf(mysqlDialect), { ...TYPE, handle });
  await turnOfTheEventLoop();
  const outcome = life.running.get(7)?.outcome as Extract<Outcome, { kind: 'failed' }>;
  const lines = outcome.failure.stack?.split('\n').map((line) => line.trim().split(' (')[0]);
  expect(lines).toEqual(['Error: the partner is down', call]);
});
