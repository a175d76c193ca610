import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { forEachDatabase } from '../support/databases.js';
import { type Point } from '../support/fault-points.js';
import { FaultPlay, type Scenario } from '../support/fault-play.js';
import { type FaultStage } from '../support/fault-stage.js';
import { APPLICATION, createRedoDatabase } from '../support/redo-app.js';
import { type TestDatabase } from '../support/test-database.js';
import { waitFor } from '../support/wait-for.js';

const ADDED = 'added';
/** What whoever added it was told. */
let added: 'told' | 'refused' | undefined;
let adding: Promise<unknown> | undefined;
const FAR_AHEAD = Date.now() + 3_600_000;

const SCENARIOS: Readonly<Record<string, Scenario>> = {
  'an instance that starts': {
    about: ['Registrar.register'],
    tasks: { good: { type: 'succeeds' } },
    isNew: true,
    play: async (stage) => {
      await stage.schema.query('DELETE FROM tbl_pessimistic_lock');
      await stage.enter('first');
      stage.letEnd();
      await stage.settled(stage.first);
    },
  },

  'tasks that are claimed, begun and settled': {
    about: ['Claimer.look', 'Claimer.ask', 'Claimer.read', 'Starter.begin', 'Settler.send'],
    tasks: {
      good: { type: 'succeeds' },
      bad: { type: 'fails' },
      later: { type: 'postpones' },
      last: { type: 'fails', maxAttempts: 1 },
      stale: { type: 'discards' },
    },
    play: async (stage) => {
      await stage.tick(stage.first);
      await stage.begun(5);
      stage.letEnd();
      await stage.settled(stage.first);
    },
  },

  'a task that begins as it is added': {
    about: ['Starter.addAndBegin'],
    isUntold: true,
    tasks: { other: { type: 'fails', nextExecTime: FAR_AHEAD, neverRuns: 'PENDING, 0 counted' } },
    play: async (stage) => {
      added = undefined;
      adding = stage.first.redo.addRedoTask('succeeds', ADDED).then(
        () => (added = 'told'),
        () => (added = 'refused'),
      );
      await stage.until(() => added !== undefined, 'the task to be added, or not');
      stage.letEnd();
      await stage.settled(stage.first);
    },
    over: async () => adding,
    inTheEnd: async (stage) => {
      const runs = stage.runs
        .filter(({ name }) => name === ADDED)
        .map(({ by, attempt }) => `${by} ${attempt}`);
      const left = await stage.schema.query('SELECT id FROM tbl_redotask WHERE dedupe_key IS NULL');
      expect(left).toEqual([]);
      const once = [['first 1']];
      const afterDeath = [['heir 2'], ['first 1', 'heir 2']];
      const never = added === 'told' ? [] : [[]];
      expect([...(stage.faults.dead ? afterDeath : once), ...never]).toContainEqual(runs);
    },
  },

  'tasks that are not to be begun': {
    about: ['Claimer.ask', 'Settler.send'],
    tasks: {
      expired: { type: 'succeeds', expireTime: 1, neverRuns: 'DEAD EXPIRED, 0 counted' },
      undecodable: { type: 'succeeds', reqParam: '{', neverRuns: 'PARKED, 0 counted, undecodable' },
      exhausted: { type: 'fails', maxAttempts: 2, execTimes: 2, neverRuns: 'DEAD EXHAUSTED, 2 counted' },
    },
    play: (stage) => stage.settled(stage.first),
  },

  'what a dead instance had': {
    about: ['Claimer.ask'],
    tasks: {
      ran: { type: 'fails', nextExecTime: FAR_AHEAD, diedBefore: true },
      ranForTheLastTime: {
        type: 'fails',
        nextExecTime: FAR_AHEAD,
        maxAttempts: 1,
        neverRuns: 'DEAD EXHAUSTED, 1 counted, died',
      },
      wasSettled: { type: 'fails', nextExecTime: FAR_AHEAD, execTimes: 1 },
      wasHeld: { type: 'succeeds', nextExecTime: FAR_AHEAD },
    },
    play: async (stage) => {
      await leaveLapsedWorker(stage, ['ran', 'ranForTheLastTime', 'wasSettled'], ['wasHeld']);
      await makeDue(stage);
      stage.letEnd();
      await stage.settled(stage.first);
    },
  },

  'a lock row that somebody has deleted': {
    about: ['Claimer.isLockRowFree', 'Claimer.comeBackSoon'],
    tasks: { good: { type: 'succeeds' } },
    play: async (stage) => {
      await stage.schema.query('DELETE FROM tbl_pessimistic_lock');
      stage.letEnd();
      await stage.settled(stage.first);
    },
  },

  'held tasks that a person discards, and pauses': {
    about: ['Starter.begin', 'Claimer.readAgain', 'Registrar.renew'],
    options: { concurrency: 3 },
    tasks: {
      busy1: { type: 'givesUp' },
      busy2: { type: 'givesUp' },
      busy3: { type: 'givesUp' },
      kept: { type: 'fails', nextExecTime: FAR_AHEAD },
      discarded: { type: 'succeeds', nextExecTime: FAR_AHEAD, neverRuns: 'DEAD DISCARDED, 0 counted' },
      paused: { type: 'discards', nextExecTime: FAR_AHEAD, neverRuns: 'PENDING, 0 counted' },
    },
    play: async (stage) => {
      await stage.tick(stage.first);
      await stage.begun(3);
      await makeDue(stage);
      await stage.tick(stage.first);
      await stage.held(3);
      await stage.heir.redo.discard(stage.ids.get('discarded') ?? NaN, 'not needed');
      await stage.heir.redo.pause('discards');
      stage.letEnd();
      await stage.settled(stage.first);
    },
  },

  'a person who discards what others hold, and pauses it': {
    about: ['RedoManager.inChunks', 'RedoManager.pause', 'knockAtWorkers'],
    options: { concurrency: 3 },
    isPerson: true,
    tasks: {
      busy1: { type: 'givesUp' },
      busy2: { type: 'givesUp' },
      busy3: { type: 'givesUp' },
      kept: { type: 'fails', nextExecTime: FAR_AHEAD },
      discarded: {
        type: 'succeeds',
        nextExecTime: FAR_AHEAD,
        neverRuns: 'DEAD DISCARDED, 0 counted',
        ifTold: true,
      },
      paused: { type: 'discards', nextExecTime: FAR_AHEAD, neverRuns: 'PENDING, 0 counted', ifTold: true },
    },
    play: async (stage) => {
      const { first, heir } = stage;
      await stage.tick(heir);
      await stage.begun(3);
      await makeDue(stage);
      await stage.tick(heir);
      await stage.held(3);
      await stage.command(() => first.redo.discard(stage.ids.get('discarded') ?? NaN, 'not needed'));
      await stage.command(() => first.redo.pause('discards'));
      stage.letEnd();
      await stage.settled(heir);
    },
  },

  'an instance that stops': {
    about: ['Settler.handBack'],
    options: { concurrency: 4, shutdownTimeout: 0 },
    tasks: {
      good: { type: 'succeeds' },
      bad: { type: 'fails' },
      givenUp: { type: 'givesUp', handedBack: true },
      deaf: { type: 'deaf', handedBack: true },
      held1: { type: 'succeeds' },
      held2: { type: 'fails' },
    },
    play: async (stage) => {
      await stage.tick(stage.first);
      await stage.begun(4);
      await stage.held(2);
      await stage.stop();
    },
  },

  'finished tasks that were kept long enough': {
    about: ['RetentionSweeper.sweep'],
    tasks: {
      old: { type: 'fails', status: 'DEAD', neverRuns: 'gone' },
      oldOfAnotherType: { type: 'succeeds', status: 'DEAD', neverRuns: 'gone' },
      succeeded: { type: 'succeeds', status: 'SUCCEEDED', neverRuns: 'gone' },
      young: { type: 'fails', status: 'DEAD', nextExecTime: FAR_AHEAD, neverRuns: 'DEAD, 0 counted' },
    },
    // An instance sweeps at its first tick.
    isNew: true,
    play: async (stage) => {
      await stage.enter('first');
      await stage.until(async () => {
        await stage.tick(stage.first);
        const isOver = (await areSwept(stage)) && !stage.faults.isAsking('RetentionSweeper.sweep');
        return isOver && stage.first.all('trouble').length === stage.first.all('recovered').length;
      }, 'the sweep');
    },
    inherit: async (stage) => {
      await stage.exit('heir');
      await stage.enter('heir');
      await stage.tick(stage.heir);
      await waitFor(() => areSwept(stage), { what: 'the heir to sweep' });
    },
  },
};

forEachDatabase((database) => {
  let schema: TestDatabase;
  const askers = new Set<string>();

  beforeAll(async () => {
    schema = await createRedoDatabase(database);
  });
  afterAll(() => schema.drop());

  describe.each(Object.entries(SCENARIOS))('%s', (_, scenario) => {
    let play: FaultPlay;
    let points: readonly Point[];

    beforeAll(async () => {
      play = new FaultPlay(schema, scenario);
      const rehearsal = await play.rehearse();
      points = rehearsal.points;
      for (const asker of rehearsal.askers) askers.add(asker);
    });
    afterAll(() => play.close());

    test('all goes on by itself, whichever statement fails with its connection', async () => {
      await expect(play.playWithEach(points, 'fails')).resolves.toBeUndefined();
    });

    test('nothing is done twice, whichever COMMIT loses its answer', async () => {
      const commits = points.filter((point) => point.commits);
      expect(commits).not.toEqual([]);
      await expect(play.playWithEach(commits, 'loses its answer')).resolves.toBeUndefined();
    });

    test('another instance does the rest and charges what had begun, whichever statement is the last', async () => {
      await expect(play.playWithEach(points, 'is the last')).resolves.toBeUndefined();
    });
  });

  test('no work of the engine is left out', () => {
    const tried = Object.values(SCENARIOS).flatMap(({ about }) => about);
    // Before the engine starts; an instance that finds the database away starts all the same.
    const others = ['StartCheck.run'];
    expect([...askers].sort()).toEqual([...new Set([...tried, ...others])].sort());
  });
});

/** As a worker that was killed a lease ago. */
async function leaveLapsedWorker(
  { schema, ids }: FaultStage,
  running: readonly string[],
  held: readonly string[],
): Promise<void> {
  const id = (name: string) => ids.get(name) ?? NaN;
  await schema.query(
    `INSERT INTO tbl_redo_worker
       (id, application_name, host, pid, start_time, lease_until, handlers, held, running)
     VALUES ('lapsed', ?, 'elsewhere', 1, 0, 0, '[]', ?, ?)`,
    [
      APPLICATION,
      JSON.stringify({ succeeds: held.map(id) }),
      JSON.stringify({ fails: running.map((name) => [id(name), 1]) }),
    ],
  );
}

async function makeDue({ schema }: FaultStage): Promise<void> {
  await schema.query('UPDATE tbl_redotask SET next_exec_time = 0');
}

async function areSwept({ schema }: FaultStage): Promise<boolean> {
  return (await schema.query('SELECT id FROM tbl_redotask')).length === 1;
}
