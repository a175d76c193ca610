import { setTimeout as delay } from 'node:timers/promises';
import { DataSource } from 'typeorm';
import { killSession, sessionsOf } from '../../support/server-activity.js';
import { beginImmediate, commit, sqliteDriver } from '../../support/sqlite-driver.js';
import { type TestDatabase } from '../../support/test-database.js';
import { waitFor } from '../../support/wait-for.js';
import { APPLICATION } from '../settings.js';
import { type DoFault, given, NotPossible } from './stage.js';

export const killServer: DoFault = async ({ server }, { lasts }) => {
  const killed = given(server, 'server');
  await killed.kill();
  await delay(lasts);
  await killed.restart();
};

export const restartServer: DoFault = async ({ server }, { lasts }) => {
  const restarted = given(server, 'server');
  await restarted.shutDown();
  await delay(lasts);
  await restarted.restart();
};

/** @returns `false`: the server has none from this port any more */
async function killConnection(database: TestDatabase, port: number | undefined): Promise<boolean> {
  const session = (await sessionsOf(database)).find((each) => each.port === port);
  if (session) await killSession(database, session);
  return session !== undefined;
}

/** Some connections of engines, whatever they are doing. */
export const killConnections: DoFault = async ({ database, fleet }, { lasts }, dice) => {
  const until = performance.now() + lasts;
  while (performance.now() < until) {
    const ports = fleet.slots.flatMap(({ proxy }) => proxy?.upstreamPorts ?? []);
    if (ports.length > 0) await killConnection(database, dice.pick(ports));
    await delay(dice.integer(20, 300));
  }
};

/** How long it may take until a worker comes to the statement, ms. */
const PATIENCE = 5_000;

/** The connection that is about to say this, in the middle of its transaction, whichever worker's it is. */
export const killConnectionAt =
  (words: string): DoFault =>
  async ({ database, fleet }) => {
    const held = fleet.slots.flatMap(({ proxy }) => proxy?.holdBack(words) ?? []);
    const first = await Promise.race([...held, delay(PATIENCE)]);
    for (const each of held) void each.then((other) => other !== first && other.release());
    if (!first) throw new NotPossible(`no worker said ${words}`);
    try {
      if (!(await killConnection(database, first.port))) throw new NotPossible('the connection was gone');
    } finally {
      first.release();
    }
  };

/** A stranger: a person with a client, a backup. Nobody can claim while it lasts. */
export const holdLockRow: DoFault = async ({ database }, { lasts }) => {
  const stranger = await new DataSource(database.options()).initialize();
  const runner = stranger.createQueryRunner();
  await runner.startTransaction();
  await runner.query(
    `SELECT id FROM tbl_pessimistic_lock WHERE resource = 'nestjs-redo:${APPLICATION}' FOR UPDATE`,
  );
  await delay(lasts);
  await runner.rollbackTransaction();
  await runner.release();
  await stranger.destroy();
};

/** SQLite: somebody else writes for a while. */
export const lockFile: DoFault = async ({ database }, { lasts }) => {
  const stranger = new (sqliteDriver())(database.url.slice('sqlite://'.length), { timeout: 0 });
  await waitFor(() => (beginImmediate(stranger), true), { what: 'the file’s lock' });
  await delay(lasts);
  commit(stranger);
  stranger.close();
};
