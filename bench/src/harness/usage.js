import { cpus } from 'node:os';
import { busy, machineBusy, residentBytes } from './processes.js';

/** The process below which all of the kernel's threads are. */
const KERNEL_THREADS = 2;

/**
 * What a piece of work cost: CPU time of the side's processes and of its server, and what everybody else on the machine used
 * meanwhile, servers of other sides included. The kernel's own threads write for whoever wrote: they are nobody else.
 *
 * @param {object} parties
 * @param {readonly number[]} parties.clients process ids of the side
 * @param {number | undefined} parties.server the server it works on; undefined: on another machine
 * @param {() => Promise<T>} work
 * @returns {Promise<{ result: T, usage: Usage }>}
 * @template T
 *
 * @typedef {object} Usage
 * @property {number} ms
 * @property {number} client ms of CPU time
 * @property {number | undefined} server ms of CPU time
 * @property {number} others share of the machine that others used, 0 to 1
 * @property {number} rss bytes of the side's processes at the end
 */
export async function measured({ clients, server }, work) {
  const servers = server === undefined ? [] : [server];
  const known = [...clients, ...servers, process.pid, KERNEL_THREADS];
  const look = () => ({
    at: performance.now(),
    machine: machineBusy(),
    known: busy(known),
    client: busy(clients),
    server: busy(servers),
  });
  const before = look();
  const result = await work();
  const after = look();
  const spent = (what) => after[what] - before[what];
  const ms = after.at - before.at;
  const others = Math.max(0, spent('machine') - spent('known')) / (ms * cpus().length);
  return {
    result,
    usage: {
      ms,
      client: spent('client'),
      server: server === undefined ? undefined : spent('server'),
      others,
      rss: residentBytes(clients),
    },
  };
}
