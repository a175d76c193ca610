import { randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';

/**
 * The limit: the worker ledger written by hand for one type of handlers that succeed. It gives the library's guarantees:
 * claims under the lock row, what others have left out, attempts marked before handlers begin, a handler that hangs given up,
 * every write through the own ledger row, which is gone when the lease was lost, and never a wait for a stranger's lock.
 * A lane has one batch in flight and a ledger row of its own.
 *
 * @typedef {object} Ledger one connection; each statement is a round trip
 * @property {(workerId: string) => Promise<unknown>} register
 * @property {() => Promise<unknown>} begin
 * @property {() => Promise<unknown>} commit
 * @property {() => Promise<unknown>} rollback
 * @property {() => Promise<unknown>} lock
 * @property {() => Promise<readonly { running: string }[]>} workers
 * @property {(most: number) => Promise<readonly { id: number }[]>} due
 * @property {(workerId: string, running: string) => Promise<number>} writeOwnRow how many rows it found
 * @property {(ids: readonly number[]) => Promise<readonly { id: number, req_param: string }[]>} read
 * @property {(ids: readonly number[]) => Promise<readonly { id: number }[]>} lockFree those of them that nobody else has locked
 * @property {(ids: readonly number[]) => Promise<unknown>} remove
 * @property {(params: object) => Promise<number>} insert its id
 * @property {(workerId: string) => Promise<unknown>} leave
 *
 * @param {Ledger} ledger
 * @param {{ batch: number }} settings
 * @param {(params: object) => unknown} handle
 * @param {AbortSignal} signal
 */
export async function runLane(ledger, { batch }, handle, signal) {
  const workerId = randomUUID();
  await ledger.register(workerId);
  let locked = [];
  while (!signal.aborted) {
    const ids = await claim(ledger, workerId, { batch, locked });
    if (ids.length + locked.length === 0) {
      await pause(10);
      continue;
    }
    const tasks = ids.length === 0 ? [] : await ledger.read(ids);
    await Promise.all(tasks.map((task) => within(TIMEOUT, () => handle(JSON.parse(task.req_param).params))));
    locked = await settle(ledger, workerId, [...locked, ...ids]);
  }
  await ledger.leave(workerId);
}

async function claim(ledger, workerId, { batch, locked }) {
  await ledger.begin();
  await ledger.lock();
  const taken = new Set();
  for (const { running } of await ledger.workers())
    for (const [id] of Object.values(JSON.parse(running)).flat()) taken.add(id);
  // What the lanes of all processes have is mostly the longest due: it is to see past that.
  const due = await ledger.due(batch + taken.size);
  const ids = due
    .map(({ id }) => Number(id))
    .filter((id) => !taken.has(id))
    .slice(0, batch);
  if (ids.length > 0) await writeOwnRow(ledger, workerId, runningOf([...locked, ...ids]));
  await ledger.commit();
  return ids;
}

/** @returns what somebody else has locked: to be settled later */
async function settle(ledger, workerId, ids) {
  await ledger.begin();
  const free = new Set((await ledger.lockFree(ids.toSorted(byNumber))).map(({ id }) => Number(id)));
  const locked = ids.filter((id) => !free.has(id));
  await writeOwnRow(ledger, workerId, runningOf(locked));
  if (free.size > 0) await ledger.remove([...free]);
  await ledger.commit();
  return locked;
}

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
      const id = await ledger.insert(params);
      await writeOwnRow(ledger, workerId, runningOf([id]));
      await ledger.commit();
      before = within(TIMEOUT, () => handle(params)).then(() => settle(ledger, workerId, [id]));
    },
    async leave() {
      await before;
      await ledger.leave(workerId);
    },
  };
}

/** A handler that hangs is given up after this, ms. */
const TIMEOUT = 60_000;

function within(ms, run) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error('the handler took too long')), ms);
    Promise.resolve()
      .then(run)
      .finally(() => clearTimeout(timer))
      .then(resolve, reject);
  });
}

const byNumber = (a, b) => a - b;

const runningOf = (ids) => (ids.length === 0 ? '{}' : JSON.stringify({ bench: ids.map((id) => [id, 1]) }));

async function writeOwnRow(ledger, workerId, running) {
  if ((await ledger.writeOwnRow(workerId, running)) === 1) return;
  await ledger.rollback();
  throw new Error('the lease was lost');
}
