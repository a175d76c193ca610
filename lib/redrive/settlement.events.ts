import { dateOf } from '../instant.js';
import type { RedoEvents } from '../redo.events.js';
import type { Reaped } from '../store/reap.js';
import type { Settlement } from '../store/settlement.js';
import type { ClaimedTask, StoredError } from '../store/task.row.js';
import type { RedrivePass } from './redrive.pass.js';

/** A settlement that is committed, and the task it settled. */
export interface Told {
  readonly task: ClaimedTask;
  readonly settlement: Settlement;
}

/** @returns what it counts as in a pass */
export function tellSettled(events: RedoEvents, { task, settlement }: Told): keyof RedrivePass {
  const { id, redoTaskId, maxAttempts } = task;
  const attempt = task.execTimes + 1;
  switch (settlement.kind) {
    case 'succeeded':
      events.emit('succeeded', { id, redoTaskId, attempt });
      return 'succeeded';
    case 'again': {
      const { delay, error } = settlement;
      if (!error) {
        events.emit('postponed', { id, redoTaskId, attempt, delay });
        return 'postponed';
      }
      events.emit('failed', { id, redoTaskId, attempt, maxAttempts, error: dated(error), delay });
      return 'failed';
    }
    case 'dead': {
      const { reason, detail, execTimes } = settlement;
      events.emit('dead', { id, redoTaskId, reason, detail, attempts: execTimes });
      return 'dead';
    }
    case 'parked':
      events.emit('parked', { id, redoTaskId, error: settlement.error.message });
      return 'parked';
  }
}

export function tellReaped(events: RedoEvents, { worker, charged }: Reaped): void {
  events.emit('workerLapsed', {
    workerId: worker.id,
    host: worker.host,
    pid: worker.pid,
    charged: charged.map(({ id, redoTaskId, attempt }) => ({ id, redoTaskId, attempt })),
  });
  for (const { id, redoTaskId, attempt, maxAttempts, error, dead } of charged)
    if (dead)
      events.emit('dead', { id, redoTaskId, reason: 'EXHAUSTED', detail: error.message, attempts: attempt });
    else
      events.emit('failed', {
        id,
        redoTaskId,
        attempt,
        maxAttempts,
        error: dated(error),
        delay: 0,
      });
}

const dated = (error: StoredError) => ({ ...error, time: dateOf(error.time) });
