import { describe, expect, test } from '@jest/globals';
import { addRunning, begin } from '../../lib/store/begin.js';
import { claim, readAgain, readClaimed } from '../../lib/store/claim.js';
import type { Database } from '../../lib/store/database.js';
import type { NewTask } from '../../lib/store/insert.js';
import { NOBODY_ELSE } from '../../lib/store/free.sight.js';
import { knockAtWorkers } from '../../lib/store/knock.js';
import { register, type WorkerIdentity, writeOwnRow } from '../../lib/store/ledger.js';
import { Holding } from '../../lib/store/ledger.text.js';
import { mariadbDialect } from '../../lib/store/mariadb.dialect.js';
import { mysqlDialect as dialect } from '../../lib/store/mysql.dialect.js';
import { postgresDialect } from '../../lib/store/postgres.dialect.js';
import { deleteOld } from '../../lib/store/retention.js';
import { handBack, settle } from '../../lib/store/settle.js';
import type { Settlement } from '../../lib/store/settlement.js';
import { discardChunk, pause, retryChunk } from '../../lib/store/steer.js';
import { Turn, Turns } from '../../lib/store/turn.js';
import type { Answer, Row, Work } from '../../lib/store/work.js';
import type { Call, Settlement as ModelSettlement } from './calls.js';
import { ALL_RULES } from './rules.js';
import type { Setting } from './session.js';
import { program } from './transaction.js';
import { ownsNothing } from '../support/owns-nothing.js';

/** The statements of lib in the model's words. */
const WORDS: readonly (readonly [RegExp, string])[] = [
  [/FROM tbl_pessimistic_lock/, 'lock the lock row'],
  [/SELECT 'clock'/, 'look'],
  [
    /FROM tbl_redo_worker\s+WHERE id = .+lease_until <.+SKIP LOCKED/s,
    'lock the row of … if its lease has run out',
  ],
  [/^INSERT INTO tbl_redo_worker/, 'insert its row'],
  [/^UPDATE tbl_redo_worker\s+SET held/, 'write its own row'],
  [/^UPDATE tbl_redo_worker SET knocks/, 'knock at …'],
  [/^DELETE FROM tbl_redo_worker/, 'delete the row of …'],
  [/^SELECT id FROM tbl_redo_worker WHERE id/, 'read whether its own row is there'],
  [/^SELECT id FROM tbl_redo_worker WHERE application_name/, 'read who lives'],
  [/tbl_redotask AS task.+SKIP LOCKED/s, 'lock … if free'],
  [/tbl_redotask AS task.+FOR UPDATE/s, 'lock …'],
  [/^(UPDATE tbl_redotask|UPDATE JSON_TABLE.+ tbl_redotask |DELETE task)/s, 'write …'],
  [
    /^(WITH|BEGIN NOT ATOMIC).+INSERT INTO tbl_redotask.+UPDATE tbl_redo_worker/s,
    'insert … and write its own row',
  ],
  [/^INSERT INTO tbl_redotask/, 'insert …'],
  [/SELECT knocks.+FROM tbl_redotask\s+WHERE \(id IN .+'PENDING'/s, 'read … and its own knocks'],
  [/FROM tbl_redotask\s+WHERE \(id IN .+'PENDING'$/s, 'read …'],
  [
    /^SELECT id, status, exec_times FROM tbl_redotask WHERE \(id IN \([?, ]+\)\)(\s+AND COALESCE\(.+)?\s*$/,
    'read which of … exist',
  ],
  [/FROM tbl_redo_pause/, 'read whether the type is paused'],
  [/^INSERT IGNORE INTO tbl_redo_pause/, 'insert the pause'],
  // Its own row, which nobody else sees.
  [/FROM tbl_redotask WHERE id = /, ''],
  // What is found without a lock is judged again under one: the model leaves it out.
  [/^SELECT (id|redo_task_id) FROM tbl_redotask\s+WHERE application_name/, ''],
];

function wordsOf(text: string): string {
  const found = WORDS.find(([pattern]) => pattern.test(text.trim()));
  if (!found) throw new Error(`a statement that the model does not know: ${text.trim()}`);
  return found[1];
}

/** Answers in the order in which they are asked for; the last of each stays. */
type Script<A> = Readonly<Record<string, readonly A[]>>;

function answersOf<A>(script: Script<A>): (words: string) => A | undefined {
  const asked = new Map<string, number>();
  return (words) => {
    const answers = script[words] ?? [];
    const at = asked.get(words) ?? 0;
    asked.set(words, at + 1);
    return answers[Math.min(at, answers.length - 1)];
  };
}

/** What lib sends, when it is answered so; one affected row where nothing is said. MySQL answers: rows that are locked are given. */
function sentByLib(work: Work<unknown>, script: Script<readonly Row[] | number> = {}): string[] {
  const sent: string[] = [];
  const answer = answersOf(script);
  for (let step = work.next(); !step.done;) {
    const words =
      step.value instanceof Turn ? 'wait for the turn to write its own row' : wordsOf(step.value.text);
    const given = answer(words);
    sent.push(words);
    const rows = typeof given === 'object' ? given : [];
    const affected = typeof given === 'number' ? given : rows.length > 0 ? 0 : 1;
    step = work.next({ rows, affected, insertId: 0 } satisfies Answer);
  }
  return once(sent);
}

const setting: Setting = {
  rules: ALL_RULES,
  size: {
    workers: 2,
    tasks: 3,
    maxAttempts: 2,
    concurrency: 2,
    batch: 3,
    outcomes: ['succeeded'],
    keeps: false,
  },
};
const NOTHING = ['', '', ''] as const;

/** What the model sends, when it is answered so. */
function sentByModel(call: Call, script: Script<unknown> = {}): string[] {
  const usual = {
    'recall what it has': [NOTHING],
    'write its own row': [1],
    'insert … and write its own row': [1],
    'lock the lock row': [true],
  };
  const work = program(setting, call);
  const sent: string[] = [];
  const answer = answersOf<unknown>({
    'wait for the turn to write its own row': [{ places: NOTHING, writes: 0 }],
    ...usual,
    ...script,
  });
  for (let step = work.next(); !step.done;) {
    const words = step.value.name.replace(/\bt\d(, t\d)*\b/, '…').replace(/life \d/, '…');
    sent.push(words);
    step = work.next(answer(words));
  }
  return once(sent.filter((words) => words !== 'recall what it has'));
}

/** Without statements that the model leaves out; several tasks may be written by one statement or by several. */
const once = (sent: readonly string[]) =>
  sent.filter((words, at) => words !== '' && (words !== 'write …' || sent[at - 1] !== words));

const worker: WorkerIdentity = {
  id: 'own',
  applicationName: 'app',
  host: 'here',
  pid: 1,
  handlers: () => ['job'],
  lease: 1_000,
};
const newTask: NewTask = {
  applicationName: 'app',
  redoTaskId: 'job',
  maxAttempts: 2,
  tryForever: false,
  reqParam: '{"params":null}',
  due: { in: 0 },
  expiry: null,
  dedupeKey: null,
};
const turn = () => new Turns().next();
const nothing = () => new Holding();
const start = { life: 0, starts: [{ task: 1, execTimes: 0 }] } as const;
const row = (id: number, more: Row = {}): Row => ({
  id,
  redo_task_id: 'job',
  status: 'PENDING',
  exec_times: 0,
  ...more,
});
const own = (task: number) => ({ task, status: 'PENDING', execTimes: 0 });

const SETTLEMENTS: readonly Settlement[] = [
  { kind: 'succeeded', id: 1, before: 0, execTimes: 1 },
  { kind: 'again', id: 2, before: 0, execTimes: 1, delay: 0, errors: null },
];
const MODEL_SETTLEMENTS: readonly ModelSettlement[] = [
  { kind: 'succeeded', task: 1, before: 0, execTimes: 1, life: 0, outcome: 'succeeded' },
  { kind: 'again', task: 2, before: 0, execTimes: 1, life: 0, outcome: 'failed' },
];
const settling = { settlements: SETTLEMENTS, keepSucceeded: false, mayBet: true, holding: nothing };
/** Task 2 is locked by somebody else. */
const LOCKED = { 'lock … if free': [[row(1)], []], 'read which of … exist': [[row(2)]] };
const MODEL_LOCKED = { 'lock … if free': [[own(1)], []], 'read which of … exist': [[2]] };
const FREE = { 'lock … if free': [[row(1)], [row(2)]] };
const MODEL_FREE = { 'lock … if free': [[own(1)], [own(2)]] };

const claimed = (script: Script<readonly Row[] | number>) =>
  sentByLib(
    claim(
      dialect,
      worker,
      turn(),
      ownsNothing,
      { total: 3, perType: new Map([['job', 3]]), after: new Map(), lastServed: undefined },
      NOBODY_ELSE,
    ),
    { 'lock the lock row': [[{ id: 1 }]], ...script },
  );
const clock = { kind: 'clock', name: '', number: 5_000, flag: 0 };
const due = (id: number, flag = 0) => ({
  kind: 'due',
  name: 'job',
  number: id,
  flag,
  due_time: 1,
  held: null,
});
const lapsed = {
  kind: 'worker',
  name: 'other',
  number: 1,
  flag: 1,
  host: 'there',
  held: '{}',
  running: '{"job":[[1,1]]}',
};
const lockedRow = {
  id: 'other',
  host: 'there',
  pid: 1,
  held: '{}',
  running: lapsed.running,
  lease_until: 1,
  now: 5_000,
};
const LAPSED = {
  look: [[clock, lapsed, due(2)]],
  'lock the row of … if its lease has run out': [[lockedRow]],
  'read …': [[row(1, { now: 5_000, max_attempts: 2, errors: null })]],
};
const MODEL_LAPSED = {
  look: [{ lapsed: [1], free: [2], expired: [] }],
  'lock the row of … if its lease has run out': [['', 1, '']],
  'read …': [[own(1)]],
};
const claimCall: Call = { kind: 'claim', life: 0, most: 3 };

const steered = (chunk: typeof discardChunk | typeof retryChunk) =>
  sentByLib(
    chunk === discardChunk ? discardChunk(dialect, 'app', {}, 'why', 0) : retryChunk(dialect, 'app', {}, 0),
    {
      '': [[{ id: 1 }]],
      'lock …': [[row(1, { status: chunk === discardChunk ? 'PENDING' : 'DEAD', dedupe_key: null })]],
    },
  );

describe('the model sends what lib sends, in the same order, when', () => {
  const cases: readonly (readonly [string, () => string[], () => string[]])[] = [
    [
      'a worker registers',
      () => sentByLib(register(dialect, worker)),
      () => sentByModel({ kind: 'register', life: 0 }),
    ],
    [
      'it renews its lease',
      () => sentByLib(writeOwnRow(dialect, worker, turn(), nothing)),
      () => sentByModel({ kind: 'renew', life: 0, back: [] }),
    ],
    [
      'it begins tasks',
      () => sentByLib(begin(dialect, worker, turn(), nothing, 0)),
      () => sentByModel({ kind: 'begin', life: 0, starts: [], knocks: 0 }),
    ],
    [
      'it would begin tasks, but somebody has knocked',
      () =>
        sentByLib(begin(dialect, worker, turn(), nothing, 0), {
          'write its own row': [0],
          'read whether its own row is there': [[{ id: 'own' }]],
        }),
      () =>
        sentByModel(
          { kind: 'begin', life: 0, starts: [], knocks: 0 },
          { 'write its own row': [0], 'read whether its own row is there': [true] },
        ),
    ],
    [
      'it adds a task and begins it',
      () =>
        sentByLib(addRunning(dialect, worker, turn(), newTask, nothing, 0), {
          '': [[{ id: 1, add_time: 0 }]],
        }),
      () => sentByModel({ kind: 'add', by: 'a transaction', ...start }),
    ],
    ...[mariadbDialect, postgresDialect].map(
      (theirs) =>
        [
          `it adds a task and begins it by one statement of ${theirs.name}`,
          () => {
            const added = { id: 1, add_time: 0, marked: 1 };
            const answer = theirs === mariadbDialect ? [[added]] : [added];
            return sentByLib(addRunning(theirs, worker, turn(), newTask, nothing, 0), {
              'insert … and write its own row': [answer as unknown as Row[]],
            });
          },
          () => sentByModel({ kind: 'add', by: 'one statement', ...start }),
        ] as const,
    ),
    [
      'it reads what it has claimed',
      () => sentByLib(readClaimed(dialect, 'own', [1])),
      () => sentByModel({ kind: 'readClaimed', life: 0, claimed: [1], knocks: 0 }),
    ],
    [
      'it reads again what it holds',
      () => sentByLib(readAgain(dialect, worker, [1])),
      () => sentByModel({ kind: 'readAgain', life: 0, held: [1] }),
    ],
    [
      'it settles',
      () => sentByLib(settle(dialect, worker, turn(), settling), FREE),
      () => sentByModel({ kind: 'settle', life: 0, settlements: MODEL_SETTLEMENTS, kept: [] }, MODEL_FREE),
    ],
    [
      'it settles while somebody has locked a task',
      () => sentByLib(settle(dialect, worker, turn(), settling), LOCKED),
      () => sentByModel({ kind: 'settle', life: 0, settlements: MODEL_SETTLEMENTS, kept: [] }, MODEL_LOCKED),
    ],
    [
      'it hands back',
      () => sentByLib(handBack(dialect, worker, turn(), settling), FREE),
      () =>
        sentByModel({ kind: 'handBack', life: 0, settlements: MODEL_SETTLEMENTS, aborted: [] }, MODEL_FREE),
    ],
    [
      'it hands back while somebody has locked a task',
      () => sentByLib(handBack(dialect, worker, turn(), settling), LOCKED),
      () =>
        sentByModel({ kind: 'handBack', life: 0, settlements: MODEL_SETTLEMENTS, aborted: [] }, MODEL_LOCKED),
    ],
    [
      'it claims',
      () => claimed({ look: [[clock, due(2)]] }),
      () => sentByModel(claimCall, { look: [{ lapsed: [], free: [2], expired: [] }] }),
    ],
    [
      'it finds the lock row taken',
      () => claimed({ 'lock the lock row': [[]] }),
      () => sentByModel(claimCall, { 'lock the lock row': [false] }),
    ],
    [
      'it claims and finds an expired task',
      () => claimed({ look: [[clock, due(2, 1)]], 'lock … if free': [[row(2)]] }),
      () =>
        sentByModel(claimCall, {
          look: [{ lapsed: [], free: [], expired: [2] }],
          'lock … if free': [[own(2)]],
        }),
    ],
    [
      'it claims and reaps a lapsed worker',
      () => claimed({ ...LAPSED, 'lock … if free': [[row(1)]] }),
      () => sentByModel(claimCall, { ...MODEL_LAPSED, 'lock … if free': [[own(1)]] }),
    ],
    [
      'it claims and finds a task of a lapsed worker locked',
      () => claimed({ ...LAPSED, 'lock … if free': [[]], 'read which of … exist': [[row(1)]] }),
      () =>
        sentByModel(claimCall, { ...MODEL_LAPSED, 'lock … if free': [[]], 'read which of … exist': [[1]] }),
    ],
    [
      'it claims and finds a lapsed worker alive again',
      () => claimed({ look: [[clock, lapsed]], 'lock the row of … if its lease has run out': [[]] }),
      () =>
        sentByModel(claimCall, {
          look: [{ lapsed: [1], free: [], expired: [] }],
          'lock the row of … if its lease has run out': [null],
        }),
    ],
    [
      'a person discards',
      () => steered(discardChunk),
      () => sentByModel({ kind: 'discard', task: 1 }, { 'lock …': [own(1)] }),
    ],
    [
      'a person retries',
      () => steered(retryChunk),
      () => sentByModel({ kind: 'retry', task: 1 }, { 'lock …': [{ ...own(1), status: 'DEAD' }] }),
    ],
    [
      'a person pauses the type',
      () => sentByLib(pause(dialect, 'app', 'job')),
      () => sentByModel({ kind: 'pause' }),
    ],
    [
      'the sweeper deletes',
      () =>
        sentByLib(deleteOld(dialect, 'app', 'DEAD', 0), {
          '': [[{ id: 1, redo_task_id: 'job' }]],
          'lock … if free': [[row(1, { status: 'DEAD' })]],
        }),
      () =>
        sentByModel({ kind: 'deleteOld', task: 1 }, { 'lock … if free': [[{ ...own(1), status: 'DEAD' }]] }),
    ],
  ];
  test.each(cases)('%s', (_, lib, model) => {
    const sent = lib();
    expect(sent.length).toBeGreaterThan(0);
    expect(model()).toEqual(sent);
  });

  test('a person knocks at the workers', async () => {
    const sent: string[] = [];
    const database = {
      read: <T>(work: () => Work<T>) => drive(work()),
      autocommit: <T>(work: () => Work<T>) => drive(work()),
    } as Database;
    const drive = <T>(work: Work<T>): Promise<T> => {
      let step = work.next();
      while (!step.done) {
        sent.push(wordsOf((step.value as { text: string }).text));
        step = work.next({ rows: [{ id: 'own' }], affected: 1, insertId: 0 });
      }
      return Promise.resolve(step.value);
    };
    await knockAtWorkers(database, 'app');
    expect(sentByModel({ kind: 'knock', after: { kind: 'pause' } }, { 'read who lives': [[0]] })).toEqual(
      sent,
    );
  });
});
