import { startMariadb } from './mariadb.js';
import { startMysql } from './mysql.js';
import { startPostgres } from './postgres.js';
import { startRedis } from './redis.js';

const STARTERS = {
  mariadb: startMariadb,
  mysql: startMysql,
  postgres: startPostgres,
  'redis-everysec': (parent) => startRedis(parent, 'everysec'),
  'redis-always': (parent) => startRedis(parent, 'always'),
};

/** The databases that this library runs on as a server. */
export const DATABASES = ['mariadb', 'mysql', 'postgres'];

/** Servers are started when a side first needs them, and stay for the run. */
export class Servers {
  #started = new Map();

  /** @param {string} parent the directory for their data: on a real disk, or nothing that they write is durable */
  constructor(parent) {
    this.parent = parent;
  }

  /** @param {string} store one of the keys above */
  async get(store) {
    if (!this.#started.has(store)) this.#started.set(store, await STARTERS[store](this.parent));
    return this.#started.get(store);
  }

  get all() {
    return [...this.#started.values()];
  }

  async stop() {
    for (const server of this.all) await server.stop();
  }
}
