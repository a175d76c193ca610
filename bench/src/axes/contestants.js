/**
 * A side on a store, as it takes part in an axis.
 *
 * @typedef {object} Contestant
 * @property {string} key
 * @property {string} side key of `sides/index.js`
 * @property {string} store
 * @property {'ours' | 'peer' | 'limit'} role
 * @property {string} label
 * @property {string} [library] folder of the packed `nestjs-redo`
 */

const STORE_NAMES = {
  mariadb: 'MariaDB',
  mysql: 'MySQL',
  postgres: 'PostgreSQL',
  'redis-everysec': 'Redis, fsync every second',
  'redis-always': 'Redis, fsync always',
};

const contestant = (role, side, store, name = side) => ({
  key: `${side}@${store}`,
  role,
  side,
  store,
  label: `${name}, ${STORE_NAMES[store]}`,
});

export const ours = (database) => contestant('ours', 'nestjs-redo', database);

export const byHand = (database) =>
  database === 'postgres'
    ? contestant('limit', 'by-hand-postgres', database, 'pg by hand')
    : contestant('limit', 'by-hand-mysql', database, 'mysql2 by hand');

/** The loop on the application's data source, which the library has to take. */
export const byHandOnTypeorm = (database) =>
  contestant('limit', 'by-hand-typeorm', database, 'TypeORM by hand');

export const graphileWorker = contestant('peer', 'graphile-worker', 'postgres');
export const pgBoss = contestant('peer', 'pg-boss', 'postgres');
export const bullmqAlways = contestant('peer', 'bullmq', 'redis-always');
export const bullmqEverysec = contestant('peer', 'bullmq', 'redis-everysec');
export const bullmqPostgres = contestant('peer', 'bullmq-postgres', 'postgres', 'bullmq');
export const sidequest = (database) => contestant('peer', 'sidequest', database);
export const serenis = (database) => contestant('peer', 'serenis', database, '@serenis/mysql-queue');

/** Every peer that works on this database. */
export const peersOn = (database) =>
  database === 'postgres'
    ? [graphileWorker, pgBoss, bullmqPostgres, sidequest('postgres')]
    : [serenis(database), sidequest(database)];
