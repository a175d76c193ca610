import { randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { attempt, offsetOf } from './attempt.js';

/**
 * The limit: the worker ledger written by hand for one type, whose tasks succeed before their last attempt. It gives the library's
 * guarantees: claims under the lock row, what others have left out, attempts marked before handlers begin, a handler that hangs
 * given up, a failed attempt counted once and put off with its error, every write through the own ledger row, which is gone when
 * the lease was lost, and never a wait for a stranger's lock, nor for the lock row. A lane has one batch in flight and a ledger row of
 * its own.
 *
 * @typedef {object} Ledger one connection; each statement is a round trip
 * @property {(workerId: string) => Promise<unknown>} register
 * @property {() => Promise<unknown>} begin
 * @property {() => Promise<unknown>} commit
 * @property {() => Promise<unknown>} rollback
 * @property {() => Promise<boolean>} lock whether nobody else has the lock row
 * @property {() => Promise<readonly { running: string, now: number }[]>} workers with the database's time, epoch ms
 * @property {(most: number) => Promise<readonly { id: number }[]>} due
 * @property {(workerId: string, running: string) => Promise<number>} writeOwnRow how many rows it found
 * @property {(ids: readonly number[]) => Promise<readonly Row[]>} read
 * @property {(ids: readonly number[]) => Promise<readonly Row[]>} lockFree those of them that nobody else has locked
 * @property {(ids: readonly number[], isBet: boolean) => Promise<readonly number[] | undefined>} removeFree those that nobody else has
 *   locked; a bet gets all of them or, undefined, has to be rolled back
 * @property {(failed: readonly { id: number, exec_times: number, errors: string }[]) => Promise<unknown>} putOff by 1 ms
 * @property {(params: object) => Promise<number>} insert its id
 * @property {(workerId: string) => Promise<unknown>} leave
 *
 * @typedef {object} Row `id` may be a text
 * @property {number | string} id
 * @property {number} exec_times
 * @property {string} [status] of a locked one
 * @property {string} [req_param] of a read one, as `errors` is
 * @property {string | null} [errors]
 *
 * @param {Ledger} ledger
 * @param {{ batch: number, interval?: number }} settings `interval`: ms between two claims while nothing is due
 * @param {(params: object) => unknown} handle
 * @param {Lanes} lanes
 *
 * @typedef {object} Lanes what the lanes of one process share
 * @property {AbortSignal} signal
 * @property {(does: () => Promise<T>) => Promise<T>} inTurn one after the other
 * @template T
 */
export async function runLane(ledger, { batch, interval = 10 }, handle, { signal, inTurn }) {
  const workerId = randomUUID();
  await ledger.register(workerId);
  let locked = [];
  while (!signal.aborted) {
    const { tasks, offset } = await inTurn(() => claimWhenFree(ledger, workerId, { batch, locked }, signal));
    if (tasks.length + locked.length === 0) {
      await pause(interval - (performance.now() % interval));
      continue;
    }
    const ended = await Promise.all(
      tasks.map((task) => attempt(task, () => handle(JSON.parse(task.params).params), offset)),
    );
    locked = await settle(ledger, workerId, [...locked, ...ended]);
  }
  await ledger.leave(workerId);
}

/** ms */
const SHORTEST_REST = 3;
const LONGEST_REST = 100;

/** Who finds the lock row taken asks again, as the library does, and holds no connection meanwhile. */
async function claimWhenFree(ledger, workerId, wanted, signal) {
  for (let ms = SHORTEST_REST; !signal.aborted; ms = Math.min(2 * ms, LONGEST_REST)) {
    const mayBeFree = ms === SHORTEST_REST || (await ledger.lock());
    const claimed = mayBeFree && (await claim(ledger, workerId, wanted));
    if (claimed) return claimed;
    await pause(ms * (0.5 + Math.random()));
  }
  return { tasks: [] };
}

async function claim(ledger, workerId, { batch, locked }) {
  await ledger.begin();
  if (!(await ledger.lock())) {
    await ledger.rollback();
    return undefined;
  }
  const workers = await ledger.workers();
  const offset = offsetOf(Number(workers[0]?.now));
  const taken = new Set();
  for (const { running } of workers)
    for (const [id] of Object.values(JSON.parse(running)).flat()) taken.add(id);
  // What the lanes of all processes have is mostly the longest due: it is to see past that.
  const due = await ledger.due(batch + taken.size);
  const ids = due
    .map(({ id }) => Number(id))
    .filter((id) => !taken.has(id))
    .slice(0, batch);
  // Before the mark, which tells the attempt.
  const tasks = ids.length === 0 ? [] : (await ledger.read(ids)).map(taskOf);
  if (tasks.length > 0) await writeOwnRow(ledger, workerId, runningOf([...locked, ...tasks]));
  await ledger.commit();
  return { tasks, offset };
}

const taskOf = ({ id, exec_times, req_param, errors }) => ({
  id: Number(id),
  before: exec_times,
  params: req_param,
  known: errors,
});

/**
 * @param {Ledger} ledger
 * @param {string} workerId
 * @param {readonly import('./attempt.js').Ended[]} ended
 * @returns {Promise<readonly import('./attempt.js').Ended[]>} what somebody else has locked: to be settled later
 */
async function settle(ledger, workerId, ended, isBet = true) {
  const succeeded = ended.filter(({ errors }) => errors === undefined);
  const failed = ended.filter(({ errors }) => errors !== undefined);
  await ledger.begin();
  const removed = await idsOf(succeeded, (ids) => ledger.removeFree(ids, isBet));
  if (!removed) {
    await ledger.rollback();
    return settle(ledger, workerId, ended, false);
  }
  const rows = await idsOf(failed, (ids) => ledger.lockFree(ids));
  const free = new Map(rows.map((row) => [Number(row.id), row]));
  const due = failed.filter((one) => free.has(one.id) && stillApplies(one, free.get(one.id)));
  if (due.length > 0) await ledger.putOff(due.map(countedUp));
  const gone = new Set(removed);
  const locked = ended.filter(({ id }) => !gone.has(id) && !free.has(id));
  await writeOwnRow(ledger, workerId, runningOf(locked));
  await ledger.commit();
  return locked;
}

const idsOf = (ended, ask) => (ended.length === 0 ? [] : ask(ended.map(({ id }) => id).toSorted(byNumber)));

/** A person or a repeated settling may have been first. */
const stillApplies = ({ before }, { status, exec_times }) => status === 'PENDING' && exec_times === before;

const countedUp = ({ id, before, errors }) => ({ id, exec_times: before + 1, errors });

/**
 * The limit of an idle pick-up: the COMMIT that adds a lone task marks it as running too.
 *
 * @param {Ledger} ledger
 */
export function beginner(ledger, handle) {
  const workerId = randomUUID();
  let before = ledger.register(workerId);
  return {
    async add(params) {
      await before;
      await ledger.begin();
      const task = { id: await ledger.insert(params), before: 0 };
      await writeOwnRow(ledger, workerId, runningOf([task]));
      await ledger.commit();
      const ended = attempt(task, () => handle(params), offsetOf(Date.now()));
      before = ended.then((one) => settle(ledger, workerId, [one]));
    },
    async leave() {
      await before;
      await ledger.leave(workerId);
    },
  };
}

const byNumber = (a, b) => a - b;

/** @param {readonly import('./attempt.js').Mark[]} marks */
const runningOf = (marks) =>
  marks.length === 0 ? '{}' : JSON.stringify({ bench: marks.map(({ id, before }) => [id, before + 1]) });

async function writeOwnRow(ledger, workerId, running) {
  if ((await ledger.writeOwnRow(workerId, running)) === 1) return;
  await ledger.rollback();
  throw new Error('the lease was lost');
}
