import { describe, expect, test } from '@jest/globals';
import {
  type Evidence,
  type FaultRecord,
  type Life,
  type OrderRecord,
  type ProcessRecord,
  type RunRecord,
  type TaskRecord,
} from '../evidence.js';
import { judge } from './verdict.js';

/** Seconds of the forged run's clock, as the evidence has them. */
const s = (seconds: number) => seconds * 1_000_000;

const order = (key: string, more: Partial<OrderRecord> = {}): OrderRecord => ({
  key,
  deed: 'quick',
  told: 'committed',
  stored: true,
  ...more,
});

const task = (key: string, more: Partial<TaskRecord> = {}): TaskRecord => ({
  id: Number(key.slice(1)),
  key,
  deed: 'quick',
  status: 'SUCCEEDED',
  deadReason: null,
  execTimes: 1,
  failedAttempts: [],
  ...more,
});

/** From second to second, in the first life of worker 1. */
const run = (key: string, began: number, ended?: number, more: Partial<RunRecord> = {}): RunRecord => ({
  task: Number(key.slice(1)),
  key,
  deed: 'quick',
  attempt: 1,
  worker: 'one',
  began: s(began),
  ended: ended === undefined ? undefined : s(ended),
  outcome: ended === undefined ? undefined : 'succeeded',
  ...more,
});

const life = (worker: string, slot: number, end: Life['end'], more: Partial<Life> = {}): Life => ({
  worker,
  slot,
  pid: 100 + slot,
  from: s(0),
  end,
  settled: [],
  ...more,
});

const stopped = { at: s(100), how: 'stopped' } as const;

/** Worker 2 settles what it took over, and lives until the end. */
const heir = life('two', 2, stopped, { settled: [{ task: 1, at: s(19) }] });

const process = (slot: number, more: Partial<ProcessRecord> = {}): ProcessRecord => ({
  slot,
  pid: 100 + slot,
  exit: { at: s(100), how: 'SIGTERM' },
  endedBy: 'the end of the run',
  ...more,
});

const fault = (kind: FaultRecord['kind'], slot: number, from: number, to: number): FaultRecord => ({
  kind,
  slot,
  from: s(from),
  to: s(to),
});

/** The workers' ledger at each of these seconds. */
const seen = (workers: Readonly<Record<string, readonly [from: number, to: number]>>): Evidence['looks'] =>
  Array.from({ length: 100 }, (_, second) => ({
    before: s(second),
    after: s(second) + 1,
    workers: new Set(
      Object.entries(workers).flatMap(([worker, [from, to]]) =>
        from <= second && second <= to ? worker : [],
      ),
    ),
  }));

/** A run of two workers in which nothing happened. */
const calm: Evidence = {
  database: 'mysql',
  lease: 3_000,
  deletesSucceeded: false,
  orders: [order('t1')],
  tasks: [task('t1')],
  runs: [run('t1', 1, 2)],
  lives: [life('one', 1, stopped, { settled: [{ task: 1, at: s(2) }] }), heir],
  processes: [process(1), process(2)],
  faults: [],
  looks: seen({ one: [0, 99], two: [0, 99] }),
  backlog: { lastFaultOver: s(90), emptyAt: s(95), left: [] },
};

/** Worker 1 was killed at second 10, ran until then what it did not settle; worker 2 has it from second 14 on. */
const killed: Evidence = {
  ...calm,
  tasks: [task('t1', { execTimes: 2, failedAttempts: [1] })],
  runs: [run('t1', 9), run('t1', 14, 15, { attempt: 2, worker: 'two' })],
  lives: [life('one', 1, { at: s(10), how: 'killed' }), heir],
  processes: [process(1, { exit: { at: s(10), how: 'SIGKILL' }, endedBy: 'worker killed' }), process(2)],
  faults: [fault('worker killed', 1, 10, 10)],
  looks: seen({ one: [0, 13], two: [0, 99] }),
};

/** Worker 1 was paused from second 10 to 16 with a task in its hands, and went on with it as a zombie until 17. */
const paused: Evidence = {
  ...killed,
  runs: [run('t1', 9, 17), run('t1', 14, 18, { attempt: 2, worker: 'two' })],
  lives: [life('one', 1, { at: s(16), how: 'lost' }), heir],
  processes: [process(1), process(2)],
  faults: [fault('worker paused', 1, 10, 16)],
};

const violationsOf = (evidence: Evidence) => judge(evidence).violations.map(({ what }) => what);

describe('the verdict on a run', () => {
  test('in which nothing happened finds nothing', () => {
    expect(judge(calm)).toEqual({ violations: [], doubles: [], inFlight: 0 });
  });

  test('in which a worker was killed explains the double run by it', () => {
    expect(judge(killed)).toMatchObject({
      violations: [],
      doubles: [{ cause: 'worker killed' }],
      inFlight: 1,
    });
  });

  test('in which a worker was paused for longer than its lease lets the zombie run on', () => {
    expect(judge(paused)).toMatchObject({
      violations: [],
      doubles: [{ cause: 'worker paused' }],
      inFlight: 1,
    });
  });

  test('names a committed task that did not end, with its row and without', () => {
    const lost = 'a committed task did not end';
    expect(violationsOf({ ...calm, tasks: [task('t1', { status: 'PENDING' })] })).toEqual([lost]);
    expect(violationsOf({ ...calm, tasks: [task('t1', { status: 'PARKED' })] })).toEqual([lost]);
    expect(violationsOf({ ...calm, tasks: [], runs: [] })).toEqual([lost]);
    expect(violationsOf({ ...calm, tasks: [], runs: [], deletesSucceeded: true })).toEqual([lost]);
    expect(violationsOf({ ...calm, tasks: [] })).toEqual([lost]);
    expect(violationsOf({ ...calm, tasks: [], deletesSucceeded: true })).toEqual([]);
    const unknown = order('t1', { told: 'unknown' });
    expect(violationsOf({ ...calm, orders: [unknown], tasks: [], runs: [] })).toEqual([lost]);
    const detached = order('t1', { told: 'committed', stored: undefined });
    expect(violationsOf({ ...calm, orders: [detached], tasks: [], runs: [] })).toEqual([lost]);
  });

  test('names a task that ended for the wrong reason', () => {
    const wrong = 'a task ended for the wrong reason';
    const dead = task('t1', { status: 'DEAD', deadReason: 'EXHAUSTED' });
    expect(violationsOf({ ...calm, tasks: [dead] })).toEqual([wrong]);
    expect(violationsOf({ ...calm, orders: [order('t1', { deed: 'fails' })] })).toEqual([wrong]);
    expect(violationsOf({ ...calm, orders: [order('t1', { deed: 'fails' })], tasks: [dead] })).toEqual([]);
    expect(violationsOf({ ...calm, orders: [order('t1', { deed: 'expires' })], tasks: [dead] })).toEqual([
      wrong,
    ]);
    expect(violationsOf({ ...calm, runs: [run('t1', 1, 2, { outcome: 'failed' })] })).toEqual([wrong]);
  });

  test('names a rolled-back task that ran, or is there', () => {
    const rolledBack = [order('t1', { told: 'rolled back', stored: false })];
    expect(violationsOf({ ...calm, orders: rolledBack, tasks: [] })).toEqual(['a rolled-back task ran']);
    expect(
      violationsOf({ ...calm, orders: rolledBack, runs: [], tasks: [task('t1', { execTimes: 0 })] }),
    ).toEqual(['a rolled-back task is stored']);
    expect(violationsOf({ ...calm, orders: rolledBack, runs: [], tasks: [] })).toEqual([]);
    const vanished = [order('t1', { told: 'unknown', stored: false })];
    expect(violationsOf({ ...calm, orders: vanished, tasks: [] })).toEqual(['a rolled-back task ran']);
  });

  test('names a transaction that ended otherwise than its producer was told, and a task stored twice', () => {
    expect(violationsOf({ ...calm, orders: [order('t1', { told: 'rolled back' })] })).toEqual([
      'a transaction ended otherwise than its producer was told',
    ]);
    expect(violationsOf({ ...calm, tasks: [task('t1'), task('t1', { id: 2 })] })).toContain(
      'a task was added once and stored twice',
    );
  });

  test('names an attempt that ran and was not counted', () => {
    const uncounted = 'an attempt ran and was not counted';
    expect(violationsOf({ ...killed, tasks: [task('t1', { execTimes: 1 })] })).toEqual([uncounted]);
    const twice = [run('t1', 9), run('t1', 14, 15, { worker: 'two' })];
    expect(violationsOf({ ...killed, runs: twice, tasks: [task('t1')] })).toEqual([uncounted]);
    expect(violationsOf({ ...killed, runs: twice, tasks: [], deletesSucceeded: true })).toEqual([uncounted]);
  });

  test('lets attempts be free that were postponed, or handed back by a worker that stopped', () => {
    const postponed = [run('t1', 1, 2, { outcome: 'postponed' }), run('t1', 3, 4)];
    expect(violationsOf({ ...calm, runs: postponed })).toEqual([]);
    const handedBack: Evidence = {
      ...killed,
      tasks: [task('t1')],
      runs: [run('t1', 9, 10, { outcome: 'handed back' }), run('t1', 14, 15, { worker: 'two' })],
      lives: [life('one', 1, { at: s(11), how: 'stopped' }), heir],
      processes: [process(1, { exit: { at: s(11), how: 'SIGTERM' }, endedBy: 'worker stopped' }), process(2)],
      looks: seen({ one: [0, 10], two: [0, 99] }),
    };
    expect(judge(handedBack)).toMatchObject({ violations: [], doubles: [{ cause: 'worker stopped' }] });
  });

  test('names an attempt that was counted and nobody ran', () => {
    expect(violationsOf({ ...calm, tasks: [task('t1', { execTimes: 2 })] })).toEqual([
      'an attempt was counted and nobody ran it',
    ]);
    // Its worker died before the handler could write: the row says so.
    expect(violationsOf({ ...calm, tasks: [task('t1', { execTimes: 2, failedAttempts: [2] })] })).toEqual([]);
  });

  test('names a double run that no fault explains', () => {
    const unexplained = 'a double run that no fault explains';
    const again = run('t1', 14, 15, { attempt: 2, worker: 'two' });
    const counted = [task('t1', { execTimes: 2, failedAttempts: [1] })];
    // The first run succeeded, its worker lives on, and it runs again: elsewhere, or there.
    expect(violationsOf({ ...calm, tasks: counted, runs: [run('t1', 9, 10), again] })).toContain(unexplained);
    expect(
      violationsOf({ ...calm, tasks: counted, runs: [run('t1', 9, 10), { ...again, worker: 'one' }] }),
    ).toContain(unexplained);
    // The worker was killed by nobody knows whom.
    const processes = [{ ...killed.processes[0]!, endedBy: undefined }, process(2)];
    expect(violationsOf({ ...killed, processes })).toEqual([unexplained, 'a process ended by itself']);
    // The worker was killed, but its row was still there when the task began elsewhere.
    expect(violationsOf({ ...killed, looks: seen({ one: [0, 15], two: [0, 99] }) })).toEqual([unexplained]);
    // The lease was lost, and what happened to another worker, or long before, or can't cost it, does not explain it.
    for (const faults of [
      [],
      [fault('worker paused', 2, 10, 16)],
      [fault('worker paused', 1, 2, 5)],
      [fault('clock moved', 1, 10, 16), fault('lock row held', 1, 10, 16)],
    ])
      expect(violationsOf({ ...paused, faults })).toEqual([unexplained, 'a lease was lost without a fault']);
  });

  test('names more double runs than there were tasks in flight', () => {
    // The killed worker had told that the attempt was settled.
    const lives = [{ ...killed.lives[0]!, settled: [{ task: 1, at: s(9.5) }] }, killed.lives[1]!];
    expect(violationsOf({ ...killed, lives })).toEqual(['more double runs than tasks in flight']);
  });

  test('names a task that ran at the same moment in two live workers', () => {
    const overlap = 'a task ran in two live workers at once';
    const lives = [life('one', 1, stopped), heir];
    expect(violationsOf({ ...paused, lives })).toContain(overlap);
    // It lost its lease, but only later.
    expect(violationsOf({ ...paused, looks: seen({ one: [0, 15], two: [0, 99] }) })).toContain(overlap);
    // In one life: nobody but a handler that hangs past its timeout does that.
    const both = [run('t1', 9, 17), run('t1', 14, 18, { attempt: 2 })];
    expect(violationsOf({ ...paused, lives, runs: both })).toContain(overlap);
    const hangs = { deed: 'hangs', outcome: 'failed' } as const;
    expect(
      violationsOf({
        ...paused,
        lives,
        faults: [],
        orders: [order('t1', hangs)],
        tasks: [task('t1', { ...hangs, status: 'DEAD', deadReason: 'EXHAUSTED', execTimes: 2 })],
        runs: [run('t1', 9, 9.9, hangs), run('t1', 9.7, 10.6, { ...hangs, attempt: 2, worker: 'two' })],
      }),
    ).toEqual([]);
  });

  test('names processes that ended by themselves, or did not stop', () => {
    const crashed = process(2, { exit: { at: s(50), how: 'exit code 1' }, endedBy: undefined });
    expect(violationsOf({ ...calm, processes: [process(1), crashed] })).toEqual([
      'a process ended by itself',
    ]);
    const stuck = process(2, { exit: undefined });
    expect(violationsOf({ ...calm, processes: [process(1), stuck] })).toEqual(['a process did not stop']);
  });

  test('names a backlog that was not empty within two leases, late or never', () => {
    const late = 'the backlog was not empty within two leases';
    for (const emptyAt of [undefined, s(96.5)])
      expect(violationsOf({ ...calm, backlog: { lastFaultOver: s(90), emptyAt, left: ['task 1'] } })).toEqual(
        [late],
      );
  });
});
