import { afterEach, beforeEach, expect, test } from '@jest/globals';
import type { RedoEvents } from '../../lib/redo.events.js';
import { resolveOptions } from '../../lib/redo.options.js';
import type { Backlog } from '../../lib/redrive/backlog.js';
import { DatabaseClock } from '../../lib/redrive/database.clock.js';
import { Lease } from '../../lib/redrive/lease.js';
import { PassesUnderWay } from '../../lib/redrive/redrive.pass.js';
import { Settler } from '../../lib/redrive/settler.js';
import { WorkerLife } from '../../lib/redrive/worker.life.js';
import type { Database } from '../../lib/store/database.js';
import { mysqlDialect } from '../../lib/store/mysql.dialect.js';
import { Turn } from '../../lib/store/turn.js';
import { NO_ANSWER, type Row, type Work } from '../../lib/store/work.js';
import { heldTask } from '../support/held-task.js';

const WORKER = { id: 'own', applicationName: 'app', host: '', pid: 1, handlers: () => [], lease: 30_000 };
const PENDING = { id: 7, status: 'PENDING', exec_times: 0 };

let life: WorkerLife;
beforeEach(() => {
  life = new WorkerLife(WORKER, new Lease(WORKER.lease, () => {}));
  life.end(life.begin({ ...heldTask(7), knocks: 4 }), { kind: 'postponed', delay: 5 });
});
afterEach(() => life.lease.end());

/** What its row says afterwards that it holds, when the task's own row is found so. */
async function heldAfter(
  found: readonly Row[],
  { mayKeep = true, isAnswerLost = false } = {},
): Promise<unknown> {
  let written: unknown;
  const answered = <T>(work: Work<T>): T => {
    let step = work.next();
    while (!step.done) {
      if (step.value instanceof Turn) {
        step = work.next(NO_ANSWER);
        continue;
      }
      const { text, values } = step.value;
      if (text.includes('UPDATE tbl_redo_worker')) written = JSON.parse(String(values[0]));
      const rows = text.trim().startsWith('SELECT') ? found : [];
      step = work.next({ rows, affected: 1, insertId: 0 });
    }
    return step.value;
  };
  const transaction = async (work: (tries: number) => Work<unknown>) => {
    const answer = await Promise.resolve().then(() => answered(work(1)));
    if (isAnswerLost) throw new Error('lost');
    return answer;
  };
  const database = { dialect: mysqlDialect, transaction } as unknown as Database;
  const waiting = () => ({ types: new Set(mayKeep ? [] : ['other']), room: 0 });
  const backlog = { waiting, expect: () => {} } as unknown as Backlog;
  const events = { emit: () => {} } as unknown as RedoEvents;
  const settler = new Settler(
    database,
    resolveOptions('app', {}),
    backlog,
    new DatabaseClock(),
    new PassesUnderWay(),
    events,
  );
  await settler.settle(life).catch(() => {});
  return written;
}

test('what is tried again soon is held by the same COMMIT, as it is now and by the knocks at which it was read', async () => {
  expect(await heldAfter([PENDING])).toEqual({ job: [7] });
  expect([...life.held.values()]).toMatchObject([{ task: { id: 7, execTimes: 0 }, knocks: 4 }]);
  expect(life.running.size).toBe(0);
});

test('not while another type waits', async () => {
  expect(await heldAfter([PENDING], { mayKeep: false })).toEqual({});
  expect(life.isEmpty).toBe(true);
});

test('not where a person has ended it meanwhile', async () => {
  expect(await heldAfter([{ ...PENDING, status: 'DEAD' }])).toEqual({});
  expect(life.isEmpty).toBe(true);
});

test('not where an earlier try may have been committed: somebody else may have it', async () => {
  expect(await heldAfter([PENDING], { mayKeep: false, isAnswerLost: true })).toEqual({});
  expect([...life.running.keys()]).toEqual([7]);
  expect(await heldAfter([PENDING])).toEqual({});
  expect(life.isEmpty).toBe(true);
});
