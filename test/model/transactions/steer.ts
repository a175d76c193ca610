import type { TaskId } from '../state.js';
import { ask, lockTask, lockTasksIfFree, readWhichExist, type Work, writeTask } from '../statements.js';

// What these find by a reading without a lock, they judge again under the lock: the reading is left out.

/** `discardChunk` of lib/store/steer.ts, of one task @returns whether it changed anything */
export function* discard(id: TaskId): Work<boolean> {
  const { status } = yield* ask(lockTask(id));
  if (status === 'PENDING') yield* ask(writeTask(id, { status: 'DEAD' }));
  return status === 'PENDING';
}

/** `retryChunk` of lib/store/steer.ts, of one task; one that waits is due already @returns whether it changed anything */
export function* retry(id: TaskId): Work<boolean> {
  const { status } = yield* ask(lockTask(id));
  if (status === 'DEAD') yield* ask(writeTask(id, { status: 'PENDING', execTimes: 0, expired: false }));
  return status === 'DEAD';
}

/** `deleteOld` of lib/store/retention.ts */
export function* deleteOld(id: TaskId): Work<void> {
  const own = yield* ask(lockTasksIfFree([id]));
  if (own.length === 0) yield* ask(readWhichExist([id]));
  for (const { task, status } of own) if (status === 'DEAD') yield* ask(writeTask(task, { status: 'GONE' }));
}
