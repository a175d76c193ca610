import { type OwnTasks } from '../../lib/store/free.sight.js';
import { Holding } from '../../lib/store/ledger.text.js';
import { IdRuns } from '../../lib/store/runs.js';

/** A worker that has no tasks. */
export const ownsNothing: OwnTasks = {
  counts: () => new Map(),
  ids: () => new IdRuns([]),
  has: () => false,
  holding: () => new Holding(),
};
