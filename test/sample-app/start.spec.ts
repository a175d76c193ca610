import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { mkdtemp, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { type Database, forEachDatabase, type TestDatabase } from '../support/databases.js';
import { freePort } from '../support/free-port.js';
import { currentTestRun } from '../support/test-run.js';
import { finished, startSample } from './sample-app.js';

const TIMEOUT = 120_000;

/** The ends of the demo's orders, by what was ordered. */
const ENDINGS = {
  tea: 'RECOVERED',
  coffee: 'RECOVERED',
  cocoa: 'DEAD, EXHAUSTED',
  soup: 'DEAD, EXPIRED',
  bread: 'DEAD, DISCARDED',
  honey: 'RECOVERED',
  cake: 'NOTIFIED',
  caviar: 'ROLLED BACK',
};

/** What the table says: item → how it ended. */
function endingsIn(output: string): Record<string, string> {
  const [, table = ''] = output.split('What became of each order');
  const rows = table.split('\n').map((line) => line.trim().split(/ {3,}/));
  return Object.fromEntries(
    rows.flatMap(([, , item, ending]) => (item && item in ENDINGS ? [[item, ending]] : [])),
  ) as Record<string, string>;
}

/** Every end is told in words as it comes. */
function expectTheStory(output: string): void {
  expect(output).toMatch(/order \d+ → acme +placed: 2 × tea, stored together with redo task \d+/);
  expect(output).toMatch(/order \d+ → acme +attempt 1 of 8 failed, waits until \d+\.\d s: fetch failed: /);
  expect(output).toMatch(/no order +refused: 500 × caviar, .* neither order nor redo task remains/);
  expect(output).toMatch(/order \d+ → acme +DEAD, expired: /);
  expect(output).toMatch(/order \d+ → umbrella +DEAD, discarded by its handler, .*: partner answered 410: /);
  expect(output).toMatch(/order \d+ → initech +attempt 1 not counted, waits until .* asked for 1\.0 s/);
  expect(output).toMatch(/order \d+ → globex +attempt \d of 8 failed, .*: partner answered 503: overloaded/);
  expect(output).toMatch(/order \d+ → globex +RECOVERED: notified at attempt \d/);
  expect(output).toMatch(/order \d+ → acme +notified at the first attempt/);
  expect(output).toMatch(/order \d+ → hooli +DEAD, exhausted after 8 attempts: partner answered 500: /);
  expect(output).toContain('Everything ended as it should.');
}

/** The demo, twice on one database. */
class TwoRuns {
  readonly runs: { code: number | null; output: string; took: number }[] = [];
  schema!: TestDatabase;
  private ended!: Promise<void>;

  constructor(private readonly database: Database) {}

  begin(): void {
    this.ended = this.run();
    // Whoever waits for it gets the error.
    this.ended.catch(() => {});
  }

  async wait(): Promise<void> {
    await this.ended;
  }

  private async run(): Promise<void> {
    this.schema = await this.database.create();
    for (let run = 1; run <= 2; run += 1) {
      const begun = performance.now();
      const { code, output } = await finished(await startSample({ DATABASE_URL: this.schema.url }));
      this.runs.push({ code, output, took: performance.now() - begun });
    }
  }
}

// A demo mostly waits: those of all databases wait together.
const all: TwoRuns[] = [];
beforeAll(() => all.forEach((each) => each.begin()));

forEachDatabase((database) => {
  const demo = new TwoRuns(database);
  all.push(demo);
  afterAll(() => demo.schema.drop());

  test(
    'the demo shows every way in which a task ends, also a second time on the same database',
    async () => {
      await demo.wait();
      for (const { code, output, took } of demo.runs) {
        expectTheStory(output);
        expect(endingsIn(output)).toEqual(ENDINGS);
        expect(code).toBe(0);
        expect(took).toBeLessThan(30_000);
      }
      const left = await demo.schema.query<{ dead_reason: string }>(
        'SELECT dead_reason FROM tbl_redotask ORDER BY dead_reason',
      );
      expect(left.map((row) => row.dead_reason)).toEqual(
        ['DISCARDED', 'EXHAUSTED', 'EXPIRED'].flatMap((reason) => [reason, reason]),
      );
      expect(await demo.schema.query('SELECT id FROM orders')).toHaveLength(14);
    },
    TIMEOUT,
  );
});

describe('with nothing configured', () => {
  let directory: string;
  beforeEach(async () => {
    directory = await mkdtemp(join(currentTestRun().directory, 'sample-'));
  });

  test(
    'the demo runs on SQLite in a temporary file, which it deletes',
    async () => {
      const sample = await startSample({ TMPDIR: directory });
      await sample.waitForLine(/SQLite, in a temporary file/);
      expect(await readdir(directory)).toHaveLength(1);
      const { code, output } = await finished(sample);
      expect({ code, endings: endingsIn(output) }).toEqual({ code: 0, endings: ENDINGS });
      expect(await readdir(directory)).toEqual([]);
    },
    TIMEOUT,
  );

  test('a demo that is broken off leaves no file and does not count as shown', async () => {
    const sample = await startSample({ TMPDIR: directory });
    await sample.waitForLine('attempt 1 of 8 failed');
    sample.kill('SIGINT');
    expect(await finished(sample)).toMatchObject({ code: 130 });
    expect(await readdir(directory)).toEqual([]);
  });
});

test.each([
  [
    { DATABASE_URL: 'oracle://scott:tiger@host/db' },
    [],
    'begins with "oracle:", which this sample can\'t use; allowed:',
  ],
  [{ DATABASE_URL: 'mysql://root@127.0.0.1:3306/' }, [], 'DATABASE_URL names no database; allowed:'],
  [{ DATABASE_URL: 'sqlite:relative.db' }, [], 'DATABASE_URL names no file by its absolute path; allowed:'],
  [{ PORT: '70000' }, ['--serve'], 'PORT is "70000"; allowed: a number from 0 to 65535'],
  [{}, ['--help'], 'Unknown argument "--help"; allowed: --serve'],
])('%j %j gets an error that says what is allowed', async (env, args, message) => {
  const { code, output } = await finished(await startSample(env, ...args));
  expect(code).toBe(1);
  expect(output).toContain(message);
  expect(output).not.toContain('tiger');
});

test('a server that does not answer is named', async () => {
  const port = await freePort();
  const { code, output } = await finished(
    await startSample({ DATABASE_URL: `mysql://root:secret@127.0.0.1:${port}/shop` }),
  );
  expect({ code, output }).toEqual({
    code: 1,
    output:
      `Can't use the database (MySQL, shop on 127.0.0.1:${port}). ` +
      'Nothing listens there. Is the server running, are host and port right?',
  });
});
