import { afterEach, describe, expect, test } from '@jest/globals';
import { performance } from 'node:perf_hooks';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DataSource } from 'typeorm';
import { createDatabase, forEachDatabase, forEachServer } from '../support/databases.js';
import { fakeClock } from '../support/faketime.js';
import { freePort } from '../support/free-port.js';
import { openConnection } from '../support/server-connection.js';
import { startServer } from '../support/servers.js';
import { spawnNode } from '../support/spawn-node.js';
import { startTcpProxy } from '../support/tcp-proxy.js';
import { currentTestRun, publishTestRun } from '../support/test-run.js';
import { waitFor } from '../support/wait-for.js';
import { isCi, wantedDatabases } from '../support/wanted-databases.js';

const cleanUps: (() => unknown)[] = [];
const afterwards = (cleanUp: () => unknown) => void cleanUps.push(cleanUp);
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
});

forEachDatabase((database) => {
  test('a schema is fresh, reachable by TypeORM and by its own query, and goes away', async () => {
    const schema = await database.create();
    const dataSource = await new DataSource(schema.options()).initialize();
    await dataSource.query('CREATE TABLE note (id BIGINT PRIMARY KEY, text VARCHAR(40))');
    await schema.query('INSERT INTO note VALUES (?, ?), (?, ?)', [1, 'eins', 2, 'zwei ✓']);

    expect(await dataSource.query('SELECT text FROM note WHERE id = 2')).toMatchObject([{ text: 'zwei ✓' }]);
    expect(await schema.query('SELECT id, text FROM note ORDER BY id')).toStrictEqual([
      { id: 1, text: 'eins' },
      { id: 2, text: 'zwei ✓' },
    ]);
    await dataSource.destroy();
    await schema.drop();
    const next = await database.create();
    afterwards(() => next.drop());
    await expect(next.query('SELECT * FROM note')).rejects.toThrow();
  });

  test('two schemas know nothing of each other', async () => {
    const [one, two] = [await database.create(), await database.create()];
    afterwards(() => Promise.all([one.drop(), two.drop()]));
    await one.query('CREATE TABLE note (id INT)');
    await two.query('CREATE TABLE note (id INT)');
    await one.query('INSERT INTO note VALUES (1)');
    expect(await two.query('SELECT * FROM note')).toEqual([]);
    expect(one.url).not.toBe(two.url);
  });
});

describe('on sqlite', () => {
  test('looking waits for a transaction of the same process', async () => {
    const schema = await createDatabase('sqlite', '');
    afterwards(() => schema.drop());
    await schema.query('CREATE TABLE note (id INT)');
    const dataSource = await new DataSource(schema.options({ enableWAL: true })).initialize();
    afterwards(() => dataSource.destroy());

    await dataSource.query('BEGIN IMMEDIATE');
    const inserted = schema.query('INSERT INTO note VALUES (1)');
    await dataSource.query('COMMIT');
    await inserted;
    expect(await schema.query('SELECT id FROM note')).toEqual([{ id: 1 }]);
  });
});

forEachServer((database) => {
  test('a proxy cuts connections, refuses new ones, loses answers and heals', async () => {
    const schema = await database.create();
    afterwards(() => schema.drop());
    await schema.query('CREATE TABLE note (id INT)');
    const proxy = await startTcpProxy(schema.url);
    afterwards(() => proxy.close());
    const dataSource = await new DataSource(schema.options(proxy.address)).initialize();
    afterwards(() => dataSource.destroy());

    await dataSource.query('SELECT 1');
    proxy.cut();
    await expect(dataSource.query('SELECT 1')).rejects.toThrow();
    await expect(dataSource.query('SELECT 1')).rejects.toMatchObject({ code: 'ECONNREFUSED' });

    await proxy.heal();
    await dataSource.query('INSERT INTO note VALUES (1)');

    proxy.loseAnswers();
    const unanswered = dataSource.query('INSERT INTO note VALUES (2)');
    unanswered.catch(() => {});
    await waitFor(async () => (await schema.query('SELECT id FROM note')).length === 2);
    proxy.cut();
    await expect(unanswered).rejects.toThrow();
  });

  test('a frozen network tells neither end anything, and is reset when it heals', async () => {
    const schema = await database.create();
    afterwards(() => schema.drop());
    const proxy = await startTcpProxy(schema.url);
    afterwards(() => proxy.close());
    const dataSource = await new DataSource(schema.options(proxy.address)).initialize();
    afterwards(() => dataSource.destroy());
    await dataSource.query('SELECT 1');

    proxy.freeze();
    let told = false;
    const frozen = dataSource.query('SELECT 1').finally(() => (told = true));
    frozen.catch(() => {});
    await schema.query('SELECT 1');
    expect(told).toBe(false);
    await proxy.heal();
    await expect(frozen).rejects.toThrow();
    await dataSource.query('SELECT 1');
  });

  test('a slow network keeps the order of the words, and words are held back until they are released', async () => {
    const schema = await database.create();
    afterwards(() => schema.drop());
    await schema.query('CREATE TABLE note (id INT)');
    const proxy = await startTcpProxy(schema.url);
    afterwards(() => proxy.close());
    const dataSource = await new DataSource(schema.options(proxy.address)).initialize();
    afterwards(() => dataSource.destroy());

    const latenesses = [30, 1, 20, 0];
    proxy.delay(() => latenesses.shift() ?? 0);
    await dataSource.transaction(async (manager) => {
      await manager.query('INSERT INTO note VALUES (1)');
      await manager.query('INSERT INTO note VALUES (2)');
    });
    expect(await schema.query('SELECT id FROM note ORDER BY id')).toEqual([{ id: 1 }, { id: 2 }]);
    expect(latenesses).toEqual([]);

    const heldBack = proxy.holdBack('VALUES (3)');
    const inserted = dataSource.query('INSERT INTO note VALUES (3)');
    const { port, release } = await heldBack;
    expect(proxy.upstreamPorts).toContain(port);
    expect(await schema.query('SELECT id FROM note WHERE id = 3')).toEqual([]);
    release();
    await inserted;
    expect(await schema.query('SELECT id FROM note WHERE id = 3')).toHaveLength(1);
  });

  test('a server of one’s own is killed and comes back with its data', async () => {
    const server = await startServer(database.kind as 'mariadb');
    afterwards(() => server.stop());
    const schema = await createDatabase(database.kind, server.url);
    await schema.query('CREATE TABLE note (id INT)');
    await schema.query('INSERT INTO note VALUES (1)');

    await server.kill();
    await expect(schema.query('SELECT id FROM note')).rejects.toThrow();

    await server.restart();
    expect(await schema.query('SELECT id FROM note')).toEqual([{ id: 1 }]);

    await server.shutDown();
    await expect(schema.query('SELECT id FROM note')).rejects.toThrow();
    await server.restart();
    expect(await schema.query('SELECT id FROM note')).toEqual([{ id: 1 }]);
    await schema.drop();
  });
});

test('a server that the run started and that is gone is reported with the end of its log', async () => {
  const run = currentTestRun();
  afterwards(() => publishTestRun(run));
  const log = join(run.directory, 'gone.log');
  await writeFile(log, 'started\nmariadbd got signal 11\n');
  const url = `mariadb://root@127.0.0.1:${await freePort()}/`;
  publishTestRun({ ...run, databases: [{ kind: 'mariadb', version: '10.11', url, log }] });
  await expect(openConnection(`${url}schema`)).rejects.toThrow(
    /ECONNREFUSED[^]*log ends:\nstarted\nmariadbd got signal 11$/,
  );
});

describe('a process of one’s own', () => {
  const script = async (source: string) => {
    const path = join(currentTestRun().directory, `script-${Math.random()}.mjs`);
    await writeFile(path, source);
    return path;
  };

  test('is talked to by lines and killed', async () => {
    const echo = await script(`process.stdin.on('data', (words) => process.stdout.write('heard ' + words));`);
    const child = await spawnNode(echo);
    child.send('hello');
    expect(await child.waitForLine(/^heard/)).toBe('heard hello');
    child.kill();
    expect(await child.exited).toEqual({ code: null, signal: 'SIGKILL' });
    await expect(child.waitForLine('never')).rejects.toThrow('ended before it printed never\nheard hello');
  });

  test('runs under a wrong wall clock, with right timers', async () => {
    const clock = await fakeClock(3_600_000);
    const teller = await script(`
      process.stdin.on('data', () => {
        const since = performance.now();
        setTimeout(() => console.log(JSON.stringify({ now: Date.now(), took: performance.now() - since })), 50);
      });`);
    const child = await spawnNode(teller, { env: clock.env });
    afterwards(() => child.kill());

    const ask = async (expectedOffset: number) => {
      const count = child.lines.length;
      const asked = performance.now();
      child.send('?');
      await waitFor(() => child.lines.length > count, { what: 'the answer' });
      const { now, took } = JSON.parse(child.lines[count]!) as { now: number; took: number };
      expect(Math.abs(now - Date.now() - expectedOffset)).toBeLessThan(5_000);
      expect(took).toBeGreaterThan(45);
      expect(took).toBeLessThan(performance.now() - asked + 1);
    };
    await ask(3_600_000);
    clock.set(-7_200_000);
    await ask(-7_200_000);
  });
});

describe('the choice of databases', () => {
  test('is all of them, or those that REDO_DATABASES names', () => {
    expect(wantedDatabases({})).toEqual(['sqlite', 'mariadb', 'mysql', 'postgres']);
    expect(wantedDatabases({ REDO_DATABASES: 'mysql, sqlite' })).toEqual(['sqlite', 'mysql']);
    expect(() => wantedDatabases({ REDO_DATABASES: 'oracle' })).toThrow('names "oracle"');
  });

  test('is not given to a run that nobody watches', () => {
    expect(() => wantedDatabases({ REDO_DATABASES: 'sqlite', CI: 'true' })).toThrow('CI');
    expect([isCi({}), isCi({ CI: '' }), isCi({ CI: 'false' }), isCi({ CI: '1' })]).toEqual([
      false,
      false,
      false,
      true,
    ]);
  });
});
