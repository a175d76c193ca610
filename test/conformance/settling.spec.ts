import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { RedoEvents } from 'nestjs-redo';
import { forEachServer } from '../support/databases.js';
import {
  createRedoDatabase,
  gate,
  startApp,
  type TestApp,
  type TestAppOptions,
} from '../support/redo-app.js';
import { refuseWord } from '../support/refused-words.js';
import { type TestDatabase } from '../support/test-database.js';
import { waitFor } from '../support/wait-for.js';

const range = (count: number) => Array.from({ length: count }, (_, index) => index);

/** What takes succeeded tasks out of the table, or locks them for that. */
const SUCCESSES = /DELETE[\s\S]*tbl_redotask|<> 'SUCCEEDED'/;
/** What writes failed tasks. */
const FAILURES = /^\s*UPDATE (?!tbl_redo_worker)/;

/** Transactions of an application that have come to a statement, and wait there. */
class HeldUp {
  private readonly waiting: (() => void)[] = [];
  private isOver = false;

  constructor({ dataSource }: TestApp, statement: RegExp) {
    const create = dataSource.createQueryRunner.bind(dataSource);
    dataSource.createQueryRunner = (mode) => {
      const runner = create(mode);
      const query = runner.query.bind(runner) as (...args: unknown[]) => Promise<unknown>;
      let hasWaited = false;
      runner.query = (async (text: string, ...rest: unknown[]) => {
        if (statement.test(text) && !hasWaited && !this.isOver) {
          hasWaited = true;
          await new Promise<void>((resolve) => this.waiting.push(resolve));
        }
        return query(text, ...rest);
      }) as typeof runner.query;
      return runner;
    };
  }

  get count(): number {
    return this.waiting.length;
  }

  letLastGo(): void {
    this.waiting.pop()?.();
  }

  /** And whoever comes there from now on. */
  letAllGo(): void {
    this.isOver = true;
    for (const go of this.waiting.splice(0)) go();
  }
}

forEachServer((database) => {
  let schema: TestDatabase;
  let app: TestApp;
  const start = async (settings: TestAppOptions) => void (app = await startApp(schema, settings));

  beforeAll(async () => {
    schema = await createRedoDatabase(database);
  });
  afterEach(async () => {
    await app.close();
    for (const table of ['tbl_redotask', 'tbl_redo_worker']) await schema.query(`DELETE FROM ${table}`);
  });
  afterAll(() => schema.drop());

  describe('while a settling is under way', () => {
    test('hundreds that have ended since are settled beside it', async () => {
      await start({ handlers: { job: () => {} }, options: { concurrency: 300, batchSize: 600 } });
      const settlings = new HeldUp(app, SUCCESSES);
      await app.redo.addRedoTasks('job', range(900));
      await waitFor(() => settlings.count === 2, { what: 'two settlings' });
      settlings.letLastGo();
      await waitFor(() => app.all('succeeded').length === 300, { what: 'the second to end' });
      settlings.letAllGo();
      await waitFor(() => app.all('succeeded').length === 900, { what: 'all to end' });
      expect(await app.redo.count()).toBe(0);
      expect(app.all('trouble')).toEqual([]);
    });

    test('fewer wait, for its end or until they are hundreds', async () => {
      const { passed, open } = gate();
      const handle = (place: number) => (place < 200 ? undefined : passed);
      await start({
        handlers: { quick: () => {}, job: handle },
        options: { concurrency: 300, batchSize: 600 },
      });
      const settlings = new HeldUp(app, SUCCESSES);
      await app.redo.addRedoTasks('quick', range(300));
      await waitFor(() => settlings.count === 1, { what: 'a settling' });
      await app.redo.addRedoTasks('job', range(290));
      await waitFor(() => app.all('started').length === 590, { what: 'the last to begin' });
      open();
      await waitFor(() => settlings.count === 2, { what: 'a second settling' });
      settlings.letLastGo();
      await waitFor(() => app.all('succeeded').length > 0, { what: 'the second to end' });
      expect(app.all('succeeded')).toHaveLength(290);
      settlings.letAllGo();
      await waitFor(() => app.all('succeeded').length === 590, { what: 'all to end' });
      expect(app.all('trouble')).toEqual([]);
    });

    test('another one beside it does not send again the words that the database refused', async () => {
      const allow = await refuseWord(schema, {
        on: 'UPDATE',
        word: 'unspeakable',
        in: ['errors', 'dead_detail'],
        message: 'not such a word',
      });
      const fail = () => {
        throw new Error('an unspeakable error');
      };
      await start({
        handlers: { bad: { policy: { maxAttempts: 1 }, handle: fail }, good: () => {} },
        options: { concurrency: 600, batchSize: 1_200 },
      });
      try {
        const failures = new HeldUp(app, FAILURES);
        const successes = new HeldUp(app, SUCCESSES);
        await app.redo.addRedoTasks('bad', range(300));
        await waitFor(() => failures.count === 1, { what: 'a settling of failures' });
        await app.redo.addRedoTasks('good', range(300));
        await waitFor(() => successes.count === 1, { what: 'one of successes beside it' });
        // So the one beside it ends between the refusal and the next try.
        app.nest.get(RedoEvents).on('trouble', () => successes.letAllGo());
        failures.letAllGo();
        await waitFor(() => app.all('dead').length === 300, { what: 'the failed ones to end' });
        await waitFor(() => app.all('succeeded').length === 300, { what: 'the good ones to end' });
        expect(app.all('trouble')).toHaveLength(1);
        expect(app.all('dead')[0]).toMatchObject({ detail: expect.stringContaining('not such a word') });
      } finally {
        await allow();
      }
    });
  });
});
