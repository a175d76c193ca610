import { DEFAULT_POLICY, type ResolvedPolicy } from '../../lib/handlers/redo-policy.js';
import type { HeldTask } from '../../lib/redrive/task.in.hand.js';

/** A task that a worker holds, as it was read: nothing of it has been tried yet. */
export function heldTask(id: number, redoTaskId = 'job', policy: Partial<ResolvedPolicy> = {}): HeldTask {
  return {
    task: {
      id,
      redoTaskId,
      params: {},
      reqParam: null,
      execTimes: 0,
      maxAttempts: 3,
      addTime: 0,
      expireTime: null,
      errors: [],
    },
    type: {
      redoTaskId,
      policy: { ...DEFAULT_POLICY, ...policy },
      handle: () => Promise.resolve(),
      place: '',
    },
    since: 0,
    knocks: 0,
  };
}
