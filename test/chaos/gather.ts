import { type NodeProcess } from '../support/spawn-node.js';
import { type Life, type OrderRecord, type ProcessRecord } from './evidence.js';
import { hasTold, type Worker } from './fleet.js';

/** One line that a process told. */
interface Told {
  readonly name: string;
  readonly at: number;
  readonly id?: number;
  readonly workerId?: string;
}

const LINE = /^(\S+) (\{.*\})$/;

function toldBy<T extends { readonly name: string }>({ lines }: NodeProcess): T[] {
  return lines.flatMap((line) => {
    const [, name, json] = LINE.exec(line) ?? [];
    return json === undefined ? [] : [{ name, ...(JSON.parse(json) as object) } as unknown as T];
  });
}

export function ordersOf(producer: NodeProcess, stored: ReadonlySet<string>): OrderRecord[] {
  return toldBy<OrderRecord & { readonly name: string; readonly detached?: boolean }>(producer)
    .filter(({ name }) => name === 'order')
    .map(({ key, deed, told, detached }) => ({
      key,
      deed,
      told,
      stored: detached ? undefined : stored.has(key),
    }));
}

export const processOf = (worker: Worker): ProcessRecord => ({
  slot: worker.slot,
  pid: worker.process.pid,
  exit: worker.overdue ? undefined : worker.exit,
  endedBy: hasTold(worker, 'crashing') ? 'a handler that crashed' : worker.endedBy,
});

/** The lives of all workers: each from its own `workerStarted` until its process, itself or others say that it is over. */
export function livesOf(workers: readonly Worker[]): Life[] {
  const told = workers.map((worker) => ({ worker, told: toldBy<Told>(worker.process) }));
  const lapsed = new Map<string, number>();
  for (const { told: all } of told)
    for (const { name, at, workerId = '' } of all) if (name === 'workerLapsed') lapsed.set(workerId, at);
  return told.flatMap(({ worker, told: all }) =>
    all
      .filter(({ name }) => name === 'workerStarted')
      .map(({ workerId: id = '', at: from }): Life => {
        const own = (event: string) =>
          all.find(({ name, workerId }) => name === event && workerId === id)?.at;
        return {
          worker: id,
          slot: worker.slot,
          pid: worker.process.pid,
          from,
          end: endOf(worker, own('leaseLost'), lapsed.get(id), own('workerStopped')),
          settled: all.flatMap(({ name, id: task, at }) =>
            SETTLED.has(name) && task !== undefined && at >= from ? [{ task, at }] : [],
          ),
        };
      }),
  );
}

/** A dead worker's lapse told by another tells of its tasks, too. */
const SETTLED: ReadonlySet<string> = new Set(['succeeded', 'failed', 'postponed', 'dead']);

function endOf(
  { exit }: Worker,
  lost: number | undefined,
  lapsed: number | undefined,
  stopped: number | undefined,
): Life['end'] {
  // It handed everything back by way of its row: whatever it thought of its lease, nobody had taken it.
  if (stopped !== undefined) return { at: stopped, how: 'stopped' };
  const ends: NonNullable<Life['end']>[] = [];
  if (lost !== undefined) ends.push({ at: lost, how: 'lost' });
  if (lapsed !== undefined) ends.push({ at: lapsed, how: 'lost' });
  if (exit) ends.push({ at: exit.at, how: exit.how === 'SIGTERM' ? 'stopped' : 'killed' });
  return ends.sort((one, other) => one.at - other.at)[0];
}
