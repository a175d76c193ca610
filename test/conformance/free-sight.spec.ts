import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { type Database, REDO_DATABASE } from '../../lib/store/database.js';
import { lookForFree } from '../../lib/store/free.sight.js';
import { encodeReached } from '../../lib/store/reached.js';
import { Holding } from '../../lib/store/ledger.text.js';
import { type Place } from '../../lib/store/place.js';
import { type Work } from '../../lib/store/work.js';
import { forEachDatabase } from '../support/databases.js';
import { nowOf } from '../support/database-clock.js';
import { ownsNothing } from '../support/owns-nothing.js';
import { APPLICATION, createRedoDatabase, startApp, type TestApp } from '../support/redo-app.js';
import { type TestDatabase } from '../support/test-database.js';
import { waitFor } from '../support/wait-for.js';

const DUE = 1_200;

/** What the database tells a claim while other instances have much of what is due. */
forEachDatabase((database) => {
  let schema: TestDatabase;
  let app: TestApp;
  let ids: number[];

  beforeEach(async () => {
    schema = await createRedoDatabase(database);
    app = await startApp(schema, { handlers: { job: {} }, options: { worker: false } });
    ids = (await app.redo.addRedoTasks('job', Array(DUE).fill('any'))).map(({ id }) => id);
    expect(ids).toEqual(Array.from({ length: DUE }, (_, index) => ids[0]! + index));
  });
  afterEach(async () => {
    await app.close();
    await schema.drop();
  });

  /** Another instance holds some of them, and runs some. */
  async function elsewhere(held: readonly number[], running: readonly number[] = []): Promise<void> {
    const holding = new Holding();
    for (const id of held) holding.hold('job', id);
    for (const id of running) holding.run('job', id, 1);
    await schema.query(
      `INSERT INTO tbl_redo_worker (id, application_name, host, pid, start_time, lease_until, handlers, held, running)
       VALUES (?, ?, 'elsewhere', 1, 1, 4000000000000, '["job"]', ?, ?)`,
      [`other ${held[0]}`, APPLICATION, holding.held, holding.running],
    );
  }

  /** @returns what it found free, and the ids of all due tasks that it was told */
  async function look(heldElsewhere: number, after = new Map<string, Place>()) {
    const worker = {
      id: 'own',
      applicationName: APPLICATION,
      host: '',
      pid: 1,
      handlers: () => [],
      lease: 1,
    };
    const store = app.nest.get<Database>(REDO_DATABASE);
    const wanted = { perType: new Map([['job', 10]]), after };
    const elsewhere = { workers: 1, held: new Map([['job', heldElsewhere]]) };
    const told: number[] = [];
    let statements = 0;
    function* listened<T>(work: Work<T>): Work<T> {
      let step = work.next();
      while (!step.done) {
        const answer = yield step.value;
        statements += 1;
        for (const { kind, held, number } of answer.rows)
          if (kind === 'due') told.push(...(held === null ? [Number(number)] : asNumbers(held as string)));
        step = work.next(answer);
      }
      return step.value;
    }
    const sight = await store.read(() =>
      listened(lookForFree(store.dialect, worker, ownsNothing, wanted, elsewhere)),
    );
    return { free: (sight.due.get('job') ?? []).map(({ id }) => id), told, statements, sight };
  }

  test('ids in a row that others hold and run are not told at all', async () => {
    await elsewhere(ids.slice(0, 300), ids.slice(300, 500));
    await elsewhere(ids.slice(505, 900));
    const wanted = [...ids.slice(500, 505), ...ids.slice(900, 905)];
    const { free, told, statements, sight } = await look(895);
    expect({ free, told, statements }).toEqual({ free: wanted, told: wanted, statements: 2 });
    expect(sight.elsewhere).toEqual({ workers: 2, held: new Map([['job', 895]]) });
  });

  test('ids that are not in a row are told, and seen past', async () => {
    await elsewhere(ids.filter((_, index) => index % 2 === 0));
    const { free, told } = await look(600);
    expect(free).toEqual(ids.slice(0, 610).filter((_, index) => index % 2 === 1));
    expect(told).toEqual(ids.slice(0, 610));
  });

  test('short runs beside long ones are told, and seen past', async () => {
    const [long, short] = [ids.slice(0, 600), [ids[601]!, ids[602]!]];
    await elsewhere([...long, ...short]);
    const { free, told } = await look(602);
    expect(free).toEqual([ids[600], ...ids.slice(603, 612)]);
    expect(told).toEqual(ids.slice(600, 612));
  });

  test('a few are told together with all else, by one statement', async () => {
    await elsewhere(ids.slice(0, 100));
    const { free, told, statements } = await look(100);
    expect({ free, statements }).toEqual({ free: ids.slice(100, 110), statements: 1 });
    expect(told).toEqual(ids.slice(0, 110));
  });

  describe('where claims have come to a place,', () => {
    /** All workers' rows say so: claims have come to this task, and somebody looked from the start so long ago, ms. */
    const tell = async (id: number, age: number) => {
      const [row] = await schema.query<{ next_exec_time: number | string }>(
        'SELECT next_exec_time FROM tbl_redotask WHERE id = ?',
        [id],
      );
      const place = { id, dueTime: Number(row!.next_exec_time), since: (await nowOf(schema)) - age };
      await schema.query('UPDATE tbl_redo_worker SET reached = ?', [
        encodeReached(new Map([['job', place]])),
      ]);
    };
    /** Told a moment ago: again, if that took a second. */
    const lately = async (id: number, heldElsewhere: number) => {
      let seen: Awaited<ReturnType<typeof look>> | undefined;
      const isInTime = async () => {
        await tell(id, 5);
        seen = await look(heldElsewhere);
        return seen.sight.reached?.get('job')?.id === id;
      };
      await waitFor(isInTime, { what: 'a look within a second' });
      return seen!;
    };

    test('what others have before it is neither told nor left out', async () => {
      await elsewhere(ids.filter((_, index) => index < 900 && index % 2 === 0));
      await elsewhere(ids.filter((_, index) => index < 900 && index % 2 === 1));
      const wanted = ids.slice(900, 910);
      expect(await lately(ids[899]!, 900)).toMatchObject({ free: wanted, told: wanted, statements: 2 });
    });

    test('what others have got after it is seen past', async () => {
      await elsewhere(ids.slice(0, 900));
      await elsewhere(ids.slice(900, 920));
      expect(await lately(ids[899]!, 920)).toMatchObject({ free: ids.slice(920, 930), statements: 3 });
    });

    test('what comes before it is found a second later, and that is told', async () => {
      await elsewhere(ids.slice(1));
      await tell(ids.at(-1)!, 1_000);
      const { free, sight } = await look(DUE);
      expect(free).toEqual([ids[0]]);
      expect(sight.reached?.get('job')).toMatchObject({ id: ids.at(-1), since: sight.now });
    });
  });

  describe('where it goes on after a place,', () => {
    const place = async (id: number): Promise<Map<string, Place>> => {
      const [row] = await schema.query<{ next_exec_time: number | string }>(
        'SELECT next_exec_time FROM tbl_redotask WHERE id = ?',
        [id],
      );
      return new Map([['job', { id, dueTime: Number(row!.next_exec_time) }]]);
    };

    test('what others have after it is not told', async () => {
      await elsewhere(ids.slice(0, 400));
      await elsewhere(ids.slice(600, 900));
      const { free, told } = await look(700, await place(ids[595]!));
      expect(told).toEqual([...ids.slice(596, 600), ...ids.slice(900, 906)]);
      expect(free).toEqual(told);
    });

    test('and finds less than it wants, it may have missed what comes before', async () => {
      const found = async (after?: Map<string, Place>) => {
        const { free, sight } = await look(0, after);
        return { free, mayHaveMissed: sight.mayHaveMissed };
      };
      const last = ids.slice(-11);
      expect(await found(await place(last[0]!))).toEqual({ free: last.slice(1), mayHaveMissed: false });
      expect(await found(await place(last[1]!))).toEqual({ free: last.slice(2), mayHaveMissed: true });
      expect(await found(await place(last[10]!))).toEqual({ free: [], mayHaveMissed: true });
      await schema.query(`DELETE FROM tbl_redotask WHERE id > ${ids[4]!}`);
      expect(await found()).toEqual({ free: ids.slice(0, 5), mayHaveMissed: false });
    });
  });
});

const asNumbers = (list: string) => list.split(',').map(Number);
