import type { AddCall, BeginCall } from '../calls.js';
import type { Setting } from '../session.js';
import { type LifeId, type Place, withItem } from '../state.js';
import {
  ask,
  insertAndMark,
  insertTask,
  knockAt,
  type Read,
  readLives,
  readPaused,
  readRow,
  readWithKnocks,
  turn,
  updateRow,
  type Work,
} from '../statements.js';

/** The row is gone: somebody took this worker for dead. */
export const leaseLost = new Error('the lease is lost');

/** `writeOwnRow` of lib/store/ledger.ts: the fence. */
export function* writeOwnRow(
  { rules }: Setting,
  life: LifeId,
  holding: (places: readonly Place[]) => readonly Place[] = (places) => places,
): Work<void> {
  const { places, writes } = yield* ask(turn());
  const found = yield* ask(updateRow(life, holding(places), writes));
  if (found === 0 && rules.fence) throw leaseLost;
}

/** `begin` of lib/store/begin.ts @returns whether the handlers may begin */
export function* begin({ rules }: Setting, { life, starts, knocks }: BeginCall): Work<boolean> {
  const { places, writes } = yield* ask(turn());
  const marked = [...places];
  for (const { task, execTimes } of starts) marked[task] = execTimes + 1;
  const found = yield* ask(
    updateRow(life, marked, writes, (row) => row.knocks === knocks || !rules.knocksHeard),
  );
  if (found > 0) return true;
  const isThere = yield* ask(readRow(life));
  if (!isThere) throw leaseLost;
  return false;
}

/** `addRunning` of lib/store/begin.ts; that nobody may have knocked only keeps it from beginning, as a row that is gone does @returns whether the handler may begin */
export function* addRunning({ life, starts, by }: AddCall): Work<boolean> {
  const [{ task, execTimes }] = starts;
  if (by === 'a transaction') yield* ask(insertTask(task));
  const { places, writes } = yield* ask(turn());
  const marked = withItem(places, task, execTimes + 1);
  const mark =
    by === 'a transaction' ? updateRow(life, marked, writes) : insertAndMark(task, life, marked, writes);
  return (yield* ask(mark)) > 0;
}

export interface ReadAgain extends Read {
  readonly paused: boolean;
}

/** `readAgain` of lib/redrive/claimer.ts */
export function* readAgain({ rules }: Setting, life: LifeId, held: readonly number[]): Work<ReadAgain> {
  const early = rules.pausesReadLast ? undefined : yield* ask(readPaused());
  const read = yield* ask(readWithKnocks(life, held));
  return { ...read, paused: early ?? (yield* ask(readPaused())) };
}

/** `knockAtWorkers` of lib/store/knock.ts */
export function* knock(): Work<void> {
  for (const life of yield* ask(readLives())) yield* ask(knockAt(life));
}
