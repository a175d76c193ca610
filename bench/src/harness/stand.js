import { setTimeout as pause } from 'node:timers/promises';
import { busy } from './processes.js';
import { SideProcess } from './side-process.js';
import { measured } from './usage.js';

/** The servers' housekeeping after the last turn is given so long to come to rest, ms. */
const LONGEST_REST = 10_000;

let databases = 0;

/** Where a contestant takes its turn: a fresh database, processes of its own, and the means to measure it. */
export class Stand {
  #processes = [];
  #database;

  /**
   * @param {import('../servers/index.js').Servers} servers
   * @param {import('../axes/contestants.js').Contestant} contestant
   * @param {object} settings one of the side's candidates
   * @param {string} [profile] the folder where its processes leave CPU profiles
   */
  constructor(servers, contestant, settings, profile) {
    this.servers = servers;
    this.contestant = contestant;
    this.settings = settings;
    this.profile = profile;
  }

  /**
   * Processes of the side, with the tables there, at rest.
   *
   * @param {{ count?: number, types?: readonly string[], worker?: boolean }} wanted
   * @returns {Promise<SideProcess[]>}
   */
  async open({ count = 1, types = ['bench'], worker = true } = {}) {
    const { side, store, library } = this.contestant;
    const server = await this.servers.get(store);
    this.#database ??= await server.create(`redo_bench_${process.pid}_${(databases += 1)}`);
    const place = { url: this.#database.url, store, settings: this.settings, types, worker, library };
    const opened = [];
    for (let index = 0; index < count; index += 1) {
      const one = await SideProcess.start({ side, place }, this.profile);
      this.#processes.push(one);
      opened.push(one);
      if (this.#processes.length === 1) await one.prepare();
      await one.open();
    }
    return opened;
  }

  get url() {
    return this.#database.url;
  }

  /**
   * @param {readonly SideProcess[]} processes whose CPU time counts
   * @param {() => Promise<T>} work
   * @template T
   */
  async measure(processes, work) {
    const server = await this.servers.get(this.contestant.store);
    await atRest(this.servers.all.map(({ pid }) => pid).filter((pid) => pid !== undefined));
    const parties = { clients: processes.map(({ pid }) => pid), server: server.pid };
    return measured(parties, work);
  }

  /** How many statements the server got meanwhile, and how many of them lock or write. */
  async statementsDuring(work) {
    const server = await this.servers.get(this.contestant.store);
    return server.statementsDuring(this.#database, work);
  }

  async close() {
    await Promise.all(this.#processes.map((one) => one.stop()));
    await this.#database?.drop();
  }
}

/** Waits until all servers together use less than a twentieth of a core. */
async function atRest(pids) {
  const giveUpAt = performance.now() + LONGEST_REST;
  while (performance.now() < giveUpAt) {
    const before = busy(pids);
    await pause(200);
    if (busy(pids) - before <= 10) return;
  }
}
