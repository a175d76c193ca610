import { describe, expect, test } from '@jest/globals';
import { explore } from './explorer.js';
import { protocol } from './protocol.js';
import type { Rules } from './rules.js';
import type { Limits, Size } from './state.js';

/** Two workers, one task of two attempts, where nothing else is said. */
type Case = readonly [what: string, limits: Partial<Limits>, states: number, size?: Partial<Size>];

const kept: Partial<Size> = { keeps: true };
const two: Partial<Size> = { tasks: 2, batch: 2, concurrency: 2 };

describe('in every state of the claim protocol its promises are kept, and all tasks can still end,', () => {
  const cases: readonly Case[] = [
    ['if nothing goes wrong', {}, 63],
    ['if a worker is killed', { kills: 1 }, 2_235],
    ['if a lease runs out', { lapses: 1 }, 19_386],
    ['if an answer never comes, or words come late', { lostAnswers: 1 }, 2_643],
    ['if that happens while a worker stops', { lostAnswers: 1, stops: 1 }, 22_913],
    ['if a person discards and retries', { discards: 1, retries: 1 }, 19_926],
    ['if a person pauses the type', { pauses: 1 }, 1_042],
    [
      'if a person pauses it twice, and an answer never comes',
      { pauses: 2, lostAnswers: 1 },
      56_462,
      { maxAttempts: 1, outcomes: ['failed'] },
    ],
    [
      'if a person pauses the type, and discards',
      { pauses: 1, discards: 1 },
      5_731,
      { maxAttempts: 1, outcomes: ['failed'] },
    ],
    [
      'if a person discards, and an answer never comes',
      { discards: 1, lostAnswers: 1 },
      9_111,
      { outcomes: ['failed'] },
    ],
    ['if a task expires, and a worker is killed', { expiries: 1, kills: 1 }, 8_928],
    ['if what was discarded is swept away', { discards: 1, sweeps: 1 }, 2_920],
    [
      'if a worker with one of two tasks held is killed',
      { kills: 1 },
      38_776,
      { ...two, concurrency: 1, outcomes: ['failed'] },
    ],
    [
      'if the lease of a worker with two tasks runs out',
      { lapses: 1 },
      17_854,
      { ...two, maxAttempts: 1, outcomes: ['failed'] },
    ],
    [
      'if a worker is killed, and a lease runs out',
      { kills: 1, lapses: 1 },
      106_718,
      { outcomes: ['failed'] },
    ],
    [
      'if a worker is killed, and an answer never comes',
      { kills: 1, lostAnswers: 1 },
      29_520,
      { outcomes: ['failed'] },
    ],
    [
      'if a lease runs out, and an answer never comes',
      { lapses: 1, lostAnswers: 1 },
      41_682,
      { maxAttempts: 1, outcomes: ['failed'] },
    ],
    ['if a worker adds a task and begins it at once, and is killed', { additions: 1, kills: 1 }, 2_339],
    ['if its lease runs out meanwhile', { additions: 1, lapses: 1 }, 20_642],
    [
      'if an answer to that never comes while a worker stops',
      { additions: 1, lostAnswers: 1, stops: 1 },
      23_239,
    ],
    [
      'if an answer to that never comes while another task is due',
      { additions: 1, lostAnswers: 1 },
      8_432,
      { ...two, maxAttempts: 1, outcomes: ['failed'] },
    ],
    [
      'if an answer never comes to one of two settlings side by side',
      { lostAnswers: 1 },
      74_916,
      { ...two, outcomes: ['failed'] },
    ],
    [
      'if that happens while their worker stops',
      { lostAnswers: 1, stops: 1 },
      17_425,
      { ...two, maxAttempts: 1, outcomes: ['failed'] },
    ],
    ['with three workers, if one is killed', { kills: 1 }, 3_425, { workers: 3 }],
    ['with tasks that are kept for their next attempt, if a worker is killed', { kills: 1 }, 3_641, kept],
    ['with such tasks, if a lease runs out', { lapses: 1 }, 33_629, kept],
    [
      'with such tasks, if an answer never comes while a worker stops',
      { lostAnswers: 1, stops: 1 },
      30_650,
      kept,
    ],
    ['with such tasks, if a person discards and retries', { discards: 1, retries: 1 }, 27_350, kept],
    ['with such tasks, if a person pauses the type', { pauses: 1 }, 1_264, kept],
    [
      'with such tasks, if a person pauses it, and an answer never comes',
      { pauses: 1, lostAnswers: 1 },
      17_515,
      { ...kept, outcomes: ['failed'] },
    ],
    [
      'with two of them, if an answer never comes',
      { lostAnswers: 1 },
      213_882,
      { ...kept, ...two, maxAttempts: 1, outcomes: ['postponed', 'failed'] },
    ],
  ];
  test.each(cases)('%s', (_, limits, states, size = {}) => {
    expect(explore(protocol(limits, size))).toMatchObject({ counterExample: undefined, states });
  });
});

describe('a promise is broken, and the shortest way there is found, where', () => {
  const cases: readonly (readonly [
    what: string,
    rule: keyof Rules,
    promise: RegExp,
    limits: Partial<Limits>,
    size?: Partial<Size>,
  ])[] = [
    ['a worker looks for free tasks without the lock row', 'lookUnderTheLockRow', /both live/, {}],
    [
      'a lapsed worker’s tasks are free before it is reaped',
      'lapsedKeepTheirs',
      /never counted/,
      { kills: 1 },
    ],
    [
      'a worker whose row is gone writes on: no fence',
      'fence',
      /settles t0 though it has lost its lease/,
      { lapses: 1 },
    ],
    [
      'two lanes of a worker write its row at once',
      'oneWriter',
      /both live/,
      {},
      { tasks: 2, outcomes: ['failed'] },
    ],
    [
      'a lapsed lease is not judged again under the lock',
      'leaseJudgedUnderLock',
      /taken for dead/,
      { lapses: 1 },
    ],
    [
      'attempts are charged before the worker is ended',
      'chargedAsTheRowGoes',
      /postponed, and cost one/,
      { lapses: 1 },
    ],
    [
      'a worker is charged for some of its tasks',
      'chargedAtOnce',
      /postponed, and cost one/,
      { lapses: 1 },
      { ...two, outcomes: ['postponed'] },
    ],
    [
      'exec_times is not compared with what it was: no guard',
      'guard',
      /exec_times of t0 goes from 1 to 0/,
      { lostAnswers: 1 },
    ],
    [
      'it is compared before the task is locked',
      'judgedUnderLock',
      /exec_times of t0 goes from 2 to 1/,
      { lostAnswers: 1 },
    ],
    [
      'a stopping worker lets go of what it could not settle',
      'unsettledStay',
      /never counted/,
      { stops: 1, lostAnswers: 1 },
    ],
    ['handlers begin before their mark is committed', 'markedFirst', /never counted/, { kills: 1 }],
    ['handlers begin without a look at the own lease', 'ownLeaseJudged', /lease has run out/, { lapses: 1 }],
    [
      'a worker claims while it adds a task that it begins',
      'addedBesideNoClaim',
      /never counted/,
      { additions: 1 },
    ],
    ['knocks are not heard', 'knocksHeard', /begins as it was before/, { discards: 1 }],
    [
      'what was claimed counts as read when it is, not when it was looked for',
      'knocksOfTheLook',
      /after the command that paused it/,
      { pauses: 1 },
    ],
    [
      'what is paused is read before what is held',
      'pausesReadLast',
      /after the command that paused it/,
      { pauses: 2 },
    ],
    [
      'an old look forgets a pause',
      'newestPauseCounts',
      /after the command that paused it/,
      { pauses: 1 },
      two,
    ],
    ['what may have been free meanwhile is kept', 'keptByTheFirstTry', /both live/, { lostAnswers: 1 }, kept],
    [
      'what is kept counts as read when it was settled',
      'keptAsRead',
      /after the command that paused it/,
      { pauses: 1 },
      kept,
    ],
    [
      'a write of the own row that comes late is accepted',
      'lateWritesRefused',
      /never counted|both live/,
      { lostAnswers: 1 },
    ],
  ];
  test.each(cases)('%s', (what, rule, promise, limits, size = {}) => {
    const { counterExample = [] } = explore(protocol(limits, size, { [rule]: false }));
    process.stdout.write(`\n  Where ${what}:\n${counterExample.map((step) => `    ${step}\n`).join('')}`);
    expect(counterExample.at(-1)).toMatch(promise);
  });
});
