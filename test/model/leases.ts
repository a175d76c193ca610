import { lifeOf } from './calls.js';
import { inOrder } from './canonical.js';
import { type LifeId, type Row, type State, type Tx, txsOf, withItem, withWorker } from './state.js';
import type { Step } from './step.js';
import { spent } from './step.js';

/** The lease of a worker whose life is over runs out, sooner or later. */
export function* deadLapses(state: State): Generator<Step> {
  for (const [life, row] of state.rows.entries())
    if (row && !row.lapsed && ownerOf(state, life) === undefined)
      yield {
        name: `the lease of life ${life}, which is over, runs out`,
        take: () => lapsed(state, life, 'all'),
      };
}

/**
 * The lease of a live worker runs out: it was paused, cut off or slow. By its own clock it does so no later than in the ledger,
 * since it counts from when it sent what renewed it.
 */
export function* liveLapses(state: State): Generator<Step> {
  if (state.left.lapses === 0) return;
  for (const [index, worker] of state.workers.entries()) {
    if (worker.life === null || worker.lease === 'out') continue;
    yield {
      name: `the lease of worker ${index} runs out by its own clock`,
      chance: true,
      take: () => withWorker(spent(state, 'lapses'), index, { ...worker, lease: 'out' }),
    };
  }
  for (const [life, row] of state.rows.entries()) {
    const owner = ownerOf(state, life);
    if (!row || row.lapsed || owner === undefined) continue;
    const name = `the lease of worker ${owner} runs out`;
    yield { name, chance: true, take: () => lapsed(spent(state, 'lapses'), life, 'all') };
    const sent = txsOf(state, owner).some((tx) => tx && tx.stage !== 'committed');
    if (sent)
      yield {
        name: `${name}, but not counted from what it has sent`,
        chance: true,
        take: () => lapsed(spent(state, 'lapses'), life, 'old'),
      };
  }
}

/** The worker that goes on as this life. */
function ownerOf(state: State, life: LifeId): number | undefined {
  const index = state.workers.findIndex((worker) => worker.life === life);
  return index < 0 ? undefined : index;
}

/** A lease has passed since a life's last renewal: also since what it has sent after that (`all`), or not (`old`). */
function lapsed(state: State, life: LifeId, which: 'all' | 'old'): State {
  const owner = ownerOf(state, life);
  const workers =
    owner === undefined
      ? state.workers
      : withItem(state.workers, owner, { ...state.workers[owner]!, lease: 'out' as const });
  const rows = withItem(state.rows, life, { ...state.rows[life]!, lapsed: true });
  const txs = state.txs.map((tx) =>
    tx && (which === 'all' || tx.stage === 'committed') ? late(tx, life) : tx,
  );
  const orphans = which === 'all' ? inOrder(state.orphans.map((tx) => late(tx, life))) : state.orphans;
  return { ...state, workers, rows, txs, orphans };
}

function late(tx: Tx, life: LifeId): Tx {
  if (lifeOf(tx.call) !== life) return tx;
  const row = tx.rows[life];
  const rows = row ? withItem<Row | false | null>(tx.rows, life, { ...row, lapsed: true }) : tx.rows;
  return { ...tx, rows, lease: 'out' };
}
