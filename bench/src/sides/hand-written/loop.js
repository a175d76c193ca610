import { randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';

/**
 * The limit: the worker ledger written by hand for no-op handlers that succeed. It gives the same guarantees as the library:
 * claims under the lock row, what others have left out, attempts marked before handlers begin, every write through the own
 * ledger row, which is gone when the lease was lost. A lane has one batch in flight and a ledger row of its own.
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
 * @property {(ids: readonly number[]) => Promise<unknown>} remove
 * @property {(workerId: string) => Promise<unknown>} leave
 *
 * @param {Ledger} ledger
 * @param {{ batch: number, lanes: number }} settings
 * @param {(params: object) => unknown} handle
 * @param {AbortSignal} signal
 */
export async function runLane(ledger, { batch, lanes }, handle, signal) {
  const workerId = randomUUID();
  await ledger.register(workerId);
  while (!signal.aborted) {
    const ids = await claim(ledger, workerId, batch, lanes);
    if (ids.length === 0) {
      await pause(10);
      continue;
    }
    const tasks = await ledger.read(ids);
    await Promise.all(tasks.map(async (task) => handle(JSON.parse(task.req_param).params)));
    await settle(ledger, workerId, ids);
  }
  await ledger.leave(workerId);
}

async function claim(ledger, workerId, batch, lanes) {
  await ledger.begin();
  await ledger.lock();
  const taken = new Set();
  for (const { running } of await ledger.workers())
    for (const [id] of Object.values(JSON.parse(running)).flat()) taken.add(id);
  const due = await ledger.due(batch * lanes);
  const ids = due
    .map(({ id }) => Number(id))
    .filter((id) => !taken.has(id))
    .slice(0, batch);
  if (ids.length > 0)
    await writeOwnRow(ledger, workerId, JSON.stringify({ bench: ids.map((id) => [id, 1]) }));
  await ledger.commit();
  return ids;
}

async function settle(ledger, workerId, ids) {
  await ledger.begin();
  await writeOwnRow(ledger, workerId, '{}');
  await ledger.remove(ids);
  await ledger.commit();
}

async function writeOwnRow(ledger, workerId, running) {
  if ((await ledger.writeOwnRow(workerId, running)) === 1) return;
  await ledger.rollback();
  throw new Error('the lease was lost');
}
