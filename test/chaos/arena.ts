import { createDatabase } from '../support/create-database.js';
import { fakeClock } from '../support/faketime.js';
import { migrate } from '../support/redo-app.js';
import { type DatabaseServer, startServer } from '../support/servers.js';
import { type NodeProcess } from '../support/spawn-node.js';
import { startTcpProxy } from '../support/tcp-proxy.js';
import { type DatabaseKind } from '../support/test-run.js';
import { diceOf } from './dice.js';
import { type Stage } from './faults/stage.js';
import { Fleet, type Slot, spawnService } from './fleet.js';
import { type Plan } from './plan.js';
import { type ServiceSettings } from './service.js';
import { WORKERS } from './settings.js';
import { createTables } from './tables.js';

/** A database of the run's own, and the processes of an application that works on it. */
export interface Arena extends Stage {
  /** What the server calls itself. */
  readonly version: string;
  readonly producer: NodeProcess;
  close(): Promise<void>;
}

export async function openArena(kind: DatabaseKind, seed: number, plan: Plan): Promise<Arena> {
  const server = kind === 'sqlite' ? undefined : await startServer(kind, { ownProcess: true });
  try {
    return await furnish(kind, server, seed, plan);
  } catch (error) {
    await server?.stop();
    throw error;
  }
}

async function furnish(
  kind: DatabaseKind,
  server: DatabaseServer | undefined,
  seed: number,
  { clockSlot, deletesSucceeded }: Plan,
): Promise<Arena> {
  const database = await createDatabase(kind, server?.url ?? '');
  await migrate(database);
  await createTables(database);
  const settings: ServiceSettings = {
    url: database.url,
    ledgerUrl: database.url,
    deletesSucceeded,
    seed,
    // TypeORM has one connection to SQLite: transactions beside each other would be one.
    producers: server ? ['a', 'b'] : ['a'],
  };
  const slots = await Promise.all(
    Array.from({ length: WORKERS }, async (_, index): Promise<Slot> => {
      const number = index + 1;
      const proxy = server && (await startTcpProxy(database.url));
      // SQLite has no clock but its process's.
      const clock = server && number === clockSlot ? await fakeClock(0) : undefined;
      return { number, proxy, clock };
    }),
  );
  const fleet = new Fleet(slots, settings, diceOf(seed, 'replacements'));
  const producer = await spawnService('producer', settings);
  return {
    database,
    server,
    fleet,
    producer,
    version: server?.version ?? '',
    async close() {
      fleet.kill();
      producer.kill();
      for (const { proxy } of slots) await proxy?.close();
      await database.drop().catch(() => {});
      await server?.stop();
    },
  };
}
