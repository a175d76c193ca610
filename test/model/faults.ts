import { additionsOf, spentOn } from './additions.js';
import { isAutocommit, type Call, lifeOf } from './calls.js';
import { inOrder } from './canonical.js';
import { nextOfWorker } from './lanes.js';
import type { Setting } from './session.js';
import {
  type Lane,
  LANES,
  type State,
  type TaskId,
  type Tx,
  txIn,
  txsOf,
  unregistered,
  withItem,
  withTx,
  withWorker,
} from './state.js';
import { spent, type Step } from './step.js';
import { opened, proceed } from './transaction.js';
import { beforeSending, described } from './worker.js';

/** A process ends: killed, or told to stop. */
export function* ends(state: State, index: number): Generator<Step> {
  const { life, phase, has } = state.workers[index]!;
  const { kills, stops } = state.left;
  const txs = txsOf(state, index);
  const afresh = (from: State) =>
    LANES.reduce(
      (next, lane) => withTx(next, index, lane, null),
      withWorker(from, index, unregistered(has.length)),
    );
  if (kills > 0 && (life !== null || txs.some((tx) => tx)))
    yield {
      name: `worker ${index} is killed`,
      chance: true,
      take: () => afresh(txs.reduce(orphaned, spent(state, 'kills'))),
    };
  if (stops > 0 && life !== null && phase === 'running')
    yield {
      name: `worker ${index} is told to stop`,
      chance: true,
      take: () => withWorker(spent(state, 'stops'), index, { ...state.workers[index]!, phase: 'draining' }),
    };
  if (phase === 'failed to hand back' && !txIn(state, index, 'settlings'))
    yield { name: `worker ${index} ends`, take: () => afresh(state) };
}

/** Clients that give up what they have sent, or have to wait for. */
export function* losses(setting: Setting, state: State, index: number): Generator<Step> {
  if (state.left.lostAnswers === 0) return;
  for (const lane of LANES) {
    const tx = txIn(state, index, lane);
    if (!tx) continue;
    yield {
      name: `worker ${index}: ${tx.call.kind} gets no answer, and is given up`,
      chance: true,
      take: () => givenUp(state, index, lane, tx),
    };
  }
  // What needs no transaction may be on its way for long: sent, given up, and still to arrive.
  if (txIn(state, index, 'life')) return;
  for (const call of [...nextOfWorker(setting, state, index), ...additionsOf(setting, state, index)]) {
    if (!isAutocommit(call)) continue;
    const ready = beforeSending(setting, spentOn(state, call), index, call);
    const sent = proceed(setting, ready, opened(call), true);
    if (sent.kind === 'answered')
      yield {
        name: `worker ${index}: ${described(call)} is on its way for too long, and is given up`,
        chance: true,
        take: () => givenUp(ready, index, 'life', sent.tx),
      };
  }
}

function givenUp(state: State, index: number, lane: Lane, tx: Tx): State {
  const gone = addedPlainly(withTx(orphaned(spent(state, 'lostAnswers'), tx), index, lane, null), tx);
  const worker = gone.workers[index]!;
  const isOwn = worker.life === lifeOf(tx.call);
  if (!isOwn)
    return {
      ...gone,
      txs: gone.txs.map((other) =>
        other?.memory && lifeOf(other.call) === lifeOf(tx.call)
          ? { ...other, memory: { ...other.memory, writes: other.memory.writes + 1 } }
          : other,
      ),
    };
  const claimed = unreadBy(tx.call);
  const has = worker.has.map((own, task) => (claimed.includes(task) ? null : own));
  const phase = tx.call.kind === 'handBack' ? 'failed to hand back' : worker.phase;
  return withWorker(gone, index, { ...worker, has, phase, writes: worker.writes + 1 });
}

const unreadBy = (call: Call): readonly TaskId[] => (call.kind === 'readClaimed' ? call.claimed : []);

/** What was surely not added is added without a worker. */
function addedPlainly(state: State, { call, stage }: Tx): State {
  if (call.kind !== 'add' || call.by === 'one statement' || stage !== 'open') return state;
  const [{ task }] = call.starts;
  return { ...state, tasks: withItem(state.tasks, task, { ...state.tasks[task]!, status: 'PENDING' }) };
}

/** What the server still has of it: a COMMIT on its way, a write on its way, or locks. */
function orphaned(state: State, tx: Tx | null): State {
  if (!tx || tx.stage === 'committed') return state;
  const writes = tx.stage === 'done' || (isAutocommit(tx.call) && tx.turn);
  if (!writes && tx.locks.length === 0) return state;
  const call: Call = { kind: 'handBack', life: lifeOf(tx.call)!, settlements: [], aborted: [] };
  const left: Tx = writes ? { ...tx, turn: false, memory: null } : { ...opened(call), locks: tx.locks };
  return { ...state, orphans: inOrder([...state.orphans, { ...left, lease: 'out' }]) };
}
