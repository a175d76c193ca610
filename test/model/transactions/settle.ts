import type { HandBackCall, SettleCall, Settlement } from '../calls.js';
import type { Rules } from '../rules.js';
import type { Setting } from '../session.js';
import type { Entry, Place, TaskId } from '../state.js';
import {
  ask,
  deleteRow,
  lockTasksIfFree,
  readPending,
  readWhichExist,
  type TaskState,
  type Work,
  writeTask,
  writeTaskUnlocked,
} from '../statements.js';
import { writeOwnRow } from './ledger.js';

export interface Settled {
  /** What somebody else has locked. */
  readonly locked: readonly TaskId[];
  /** What is held again. */
  readonly kept: readonly TaskId[];
}

/** `settle` of lib/store/settle.ts */
export function* settle(setting: Setting, { life, settlements, kept: toKeep }: SettleCall): Work<Settled> {
  const { locked, overtaken } = yield* settleEach(setting.rules, settlements, 'itself');
  const left = settlements.map(({ task }) => task).filter((task) => !locked.includes(task));
  const kept = toKeep.filter((task) => left.includes(task) && !overtaken.includes(task));
  yield* writeOwnRow(setting, life, (places) =>
    places.map((place, task) => (kept.includes(task) ? 'held' : left.includes(task) ? '' : place)),
  );
  return { locked, kept };
}

/** `handBack` of lib/store/settle.ts @returns what somebody else has locked */
export function* handBack(setting: Setting, { life, settlements }: HandBackCall): Work<readonly TaskId[]> {
  const { locked } = yield* settleEach(setting.rules, settlements, 'itself');
  const stays = (place: Place, task: TaskId) => (locked.includes(task) ? place : '');
  yield* writeOwnRow(setting, life, (places) => places.map(stays));
  if (locked.length === 0 || !setting.rules.unsettledStay) yield* ask(deleteRow(life));
  return locked;
}

/** What became of settlements: all are written but those of these tasks. */
interface SettledEach {
  readonly locked: readonly TaskId[];
  readonly overtaken: readonly TaskId[];
}

/**
 * `settleEach` of lib/store/settle.ts, as it is where a server locks before it deletes; elsewhere both are one statement, between
 * whose parts nothing can come.
 */
export function* settleEach(
  rules: Rules,
  settlements: readonly Settlement[],
  by: Entry['by'],
): Work<SettledEach> {
  const isSuccess = ({ kind }: Settlement) => kind === 'succeeded';
  const succeeded = yield* settleAlike(rules, settlements.filter(isSuccess), by);
  const others = yield* settleAlike(
    rules,
    settlements.filter((each) => !isSuccess(each)),
    by,
  );
  return {
    locked: [...succeeded.locked, ...others.locked],
    overtaken: [...succeeded.overtaken, ...others.overtaken],
  };
}

function* settleAlike(rules: Rules, settlements: readonly Settlement[], by: Entry['by']): Work<SettledEach> {
  if (settlements.length === 0) return { locked: [], overtaken: [] };
  const ids = settlements.map(({ task }) => task);
  const { own, strange } = rules.judgedUnderLock
    ? yield* lockFreeTasks(ids)
    : { own: yield* ask(readPending(ids)), strange: [] as readonly TaskId[] };
  const overtaken: TaskId[] = [];
  for (const settlement of settlements) {
    const state = own.find(({ task }) => task === settlement.task);
    if (!state || !applies(rules, settlement, state)) {
      if (!strange.includes(settlement.task)) overtaken.push(settlement.task);
      continue;
    }
    const { task, execTimes } = settlement;
    const write = rules.judgedUnderLock ? writeTask : writeTaskUnlocked;
    const status = ({ succeeded: 'GONE', again: state.status, dead: 'DEAD' } as const)[settlement.kind];
    yield* ask(write(task, { status, execTimes }, entryOf(settlement, by)));
  }
  return { locked: strange, overtaken };
}

/** `applies` of lib/store/settle.ts */
function applies(rules: Rules, { kind, before }: Settlement, { status, execTimes }: TaskState): boolean {
  if (kind === 'succeeded') return true;
  return status === 'PENDING' && (execTimes === before || !rules.guard);
}

const entryOf = ({ kind, task, life, before, execTimes }: Settlement, by: Entry['by']): Entry => {
  const costs = kind === 'succeeded' ? 'the task' : execTimes > before ? 'an attempt' : 'nothing';
  return { task, life, costs, by };
};

/** `lockFreeTasks` of lib/store/task.lock.ts */
export function* lockFreeTasks(
  ids: readonly TaskId[],
): Work<{ own: readonly TaskState[]; strange: readonly TaskId[] }> {
  if (ids.length === 0) return { own: [], strange: [] };
  const own = yield* ask(lockTasksIfFree(ids));
  const missing = ids.filter((id) => !own.some(({ task }) => task === id));
  if (missing.length === 0) return { own, strange: [] };
  return { own, strange: yield* ask(readWhichExist(missing)) };
}
