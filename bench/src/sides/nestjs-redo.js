import { createRequire } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import mysql2 from 'mysql2';
import pg from 'pg';

const APPLICATION = 'bench';
const TUNED = [
  { concurrency: 200, batchSize: 400 },
  { concurrency: 1_000, batchSize: 2_000 },
  { concurrency: 2_000, batchSize: 4_000 },
  { concurrency: 4_000, batchSize: 8_000 },
  { concurrency: 5_000, batchSize: 10_000 },
];
/** What each of several processes has in hand all others have to look past, and a small claim is one more that they wait for. */
const MANY = [{ concurrency: 500, batchSize: 1_000 }, ...TUNED.slice(1)];
/** Claims larger than what runs at once, too: in trials within a tenth of the best of the others, sometimes before them. */
const FAILING = [
  ...TUNED,
  { concurrency: 1_000, batchSize: 8_000 },
  { concurrency: 2_000, batchSize: 8_000 },
];
const require = createRequire(import.meta.url);

/** @type {import('./side.js').Side} */
export default {
  name: 'nestjs-redo',
  package: 'nestjs-redo',
  stores: ['mariadb', 'mysql', 'postgres'],
  settings: {
    default: [{}],
    tuned: TUNED,
    many: MANY,
    failing: FAILING,
    slow: [{ concurrency: 500, batchSize: 1_000 }],
  },

  async prepare(place) {
    const { DataSource } = await nest('typeorm');
    const { redoMigrations } = await library(place, 'nestjs-redo/migrations');
    const dataSource = new DataSource({ ...connection(place), migrations: redoMigrations });
    await dataSource.initialize();
    await dataSource.runMigrations();
    await dataSource.query('CREATE TABLE bench_order (id BIGINT NOT NULL)');
    await dataSource.destroy();
  },

  async open(place, handle) {
    await nest('reflect-metadata');
    const { NestFactory } = await nest('@nestjs/core');
    const { ScheduleModule } = await nest('@nestjs/schedule');
    const { TypeOrmModule } = await nest('@nestjs/typeorm');
    const { DataSource } = await nest('typeorm');
    const { RedoHandlerRegistry, RedoManager, RedoModule, RedoTask } = await library(place, 'nestjs-redo');

    const options = { ...place.settings, worker: place.worker };
    const module = {
      module: class AppModule {},
      imports: [
        TypeOrmModule.forRoot(connection(place)),
        ScheduleModule.forRoot(),
        RedoModule.forRoot(APPLICATION, options),
      ],
    };
    const app = await NestFactory.createApplicationContext(module, {
      // As with the peers: nothing is written for each task that fails.
      logger: ['error'],
      abortOnError: false,
    });
    const [registry, redo, dataSource] = [RedoHandlerRegistry, RedoManager, DataSource].map((token) =>
      app.get(token),
    );
    for (const type of place.types) {
      const task = RedoTask.newBuilder(type).backoff({ type: 'fixed', delay: 1 }).build();
      registry.register(task, ...(place.worker ? [async (params) => void (await handle(params))] : []));
    }
    if (place.worker) for (const type of place.types) await redo.pause(type);
    const [first] = place.types;
    let firstId = 0;

    return {
      add: (params, type = first) => redo.addRedoTask(type, params),
      async addAll(list, type = first) {
        const [added] = await redo.addRedoTasks(type, list);
        firstId ||= added.id;
      },
      addInTransaction: (params) =>
        dataSource.transaction(async (manager) => {
          await manager.query('INSERT INTO bench_order (id) VALUES (1)');
          await redo.addRedoTask(first, params, { manager });
        }),
      addWaiting: (list) => redo.addRedoTasks(first, list, { delay: 86_400_000 }),
      async addDead(list) {
        const added = await redo.addRedoTasks(first, list, { delay: 86_400_000 });
        await redo.discard({ ids: added.map(({ id }) => id) }, 'dead, to be in the way');
      },
      async go() {
        // The starting gun, in one statement: 50 calls of `resume` would be part of what is measured.
        await dataSource.query('DELETE FROM tbl_redo_pause');
        // Ends when nothing is left, or with an error when this instance stops before.
        redo.redrive().catch(() => {});
      },
      async rest() {
        await Promise.all(place.types.map((type) => redo.pause(type)));
      },
      async left() {
        // By ids, from the first of this lot on: the question is the bench's, and must not cost what lies before (H, G).
        const rows = await dataSource.query(
          `SELECT id FROM tbl_redotask WHERE id >= ${firstId} AND status = 'PENDING' AND next_exec_time <= ${Date.now()}
           ORDER BY id LIMIT 1`,
        );
        if (rows.length === 0) firstId = 0;
        return rows.length > 0;
      },
      close: () => app.close(),
    };
  },
};

function connection({ store, url }) {
  const driver = store === 'postgres' ? pg : mysql2;
  return { type: store, url, driver };
}

/** The application's packages are the repository's: the library and the application must share one copy of each. */
export const nest = (name) => import(pathToFileURL(require.resolve(name)).href);

/** By its name, as a user would, from the folder where the packed library lies. */
const library = (place, name) =>
  import(pathToFileURL(createRequire(join(place.library, 'any.js')).resolve(name)).href);
