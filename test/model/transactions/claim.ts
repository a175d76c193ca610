import type { ClaimCall, Settlement } from '../calls.js';
import type { Setting } from '../session.js';
import type { LifeId, Place, TaskId } from '../state.js';
import {
  ask,
  deleteRow,
  lockLapsed,
  lockRow,
  look,
  readPending,
  recall,
  type Sight,
  type Work,
  writeTask,
} from '../statements.js';
import { writeOwnRow } from './ledger.js';
import { lockFreeTasks, settleEach } from './settle.js';

export interface Claimed extends Pick<Sight, 'paused' | 'knocks'> {
  readonly taken: readonly TaskId[];
}

/** `claim` of lib/store/claim.ts @returns null: somebody else has the lock row */
export function* claim(setting: Setting, { life, most }: ClaimCall): Work<Claimed | null> {
  const early = setting.rules.lookUnderTheLockRow ? undefined : yield* lookPastHeld(life);
  if (!(yield* ask(lockRow()))) return null;
  const sight = early ?? (yield* lookPastHeld(life));
  for (const lapsed of sight.lapsed) {
    const places = yield* ask(lockLapsed(lapsed));
    if (places) yield* reap(setting, lapsed, places);
  }
  const dealt = [...sight.free, ...sight.expired].sort((one, other) => one - other).slice(0, most);
  yield* endExpired(dealt.filter((task) => sight.expired.includes(task)));
  const taken = dealt.filter((task) => sight.free.includes(task));
  yield* writeOwnRow(setting, life, (places) =>
    places.map((place, task) => (taken.includes(task) ? 'held' : place)),
  );
  return { taken, paused: sight.paused, knocks: sight.knocks };
}

/** `lookPastHeld` of lib/store/free.sight.ts. What `lookForFree` reads before it says only what need not be told again. */
function* lookPastHeld(life: LifeId): Work<Sight> {
  const before = yield* ask(recall());
  const sight = yield* ask(look(life));
  const after = yield* ask(recall());
  const isOwn = (task: TaskId) => before[task] !== '' || after[task] !== '';
  const notOwn = (tasks: readonly TaskId[]) => tasks.filter((task) => !isOwn(task));
  return { ...sight, free: notOwn(sight.free), expired: notOwn(sight.expired) };
}

/** `endExpired` of lib/store/claim.ts */
function* endExpired(tasks: readonly TaskId[]): Work<void> {
  const { own } = yield* lockFreeTasks(tasks);
  for (const { task, status } of own)
    if (status === 'PENDING') yield* ask(writeTask(task, { status: 'DEAD' }));
}

/** `reap` of lib/store/reap.ts */
function* reap({ rules, size }: Setting, lapsed: LifeId, places: readonly Place[]): Work<void> {
  const charged = yield* chargeRunning(size.maxAttempts, lapsed, places);
  if (rules.chargedAtOnce) {
    const { strange } = yield* lockFreeTasks(charged.map(({ task }) => task));
    if (strange.length > 0) return;
  }
  const { locked } = yield* settleEach(rules, charged, 'its heir');
  if (locked.length > 0) return;
  // The mutant charges now, and deletes the row when it finds nothing left to charge.
  if (charged.length > 0 && !rules.chargedAsTheRowGoes) return;
  yield* ask(deleteRow(lapsed));
}

/** `chargeRunning` of lib/store/reap.ts */
function* chargeRunning(maxAttempts: number, life: LifeId, places: readonly Place[]): Work<Settlement[]> {
  const running = places.flatMap((place, task) => (typeof place === 'number' ? [task] : []));
  if (running.length === 0) return [];
  const found = yield* ask(readPending(running));
  return found.flatMap(({ task, execTimes }) => {
    const attempt = places[task] as number;
    if (execTimes !== attempt - 1) return [];
    const kind = attempt >= maxAttempts ? 'dead' : 'again';
    return [{ kind, task, before: attempt - 1, execTimes: attempt, life, outcome: 'died' } as const];
  });
}
