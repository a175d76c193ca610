import type { Settlement } from '../store/settlement.js';
import type { ClaimedTask } from '../store/task.row.js';
import { type HeldTask, RunningTask } from './task.in.hand.js';

/** What is due again within this time is not worth another claim, ms. */
const SOON = 50;

/** Whether a task stays in hand for its next attempt: the COMMIT that settles one attempt holds it for the next, and no claim has to. */
export type Keeps = (each: HeldTask | RunningTask, settlement: Settlement) => each is RunningTask;

/** What waits to be claimed, as far as is known. */
export interface Waiting {
  readonly types: ReadonlySet<string>;
  /** How many more may be in hand beside as many of it as run at once. */
  readonly room: number;
}

/**
 * What is due again soon stays. While others of its type wait it stays once for each claim, lest it go before them for ever, and only
 * while there is room for them; while other types wait it does not, for slots are shared between types that have due tasks.
 *
 * @param now by the database's clock, epoch ms
 */
export function keepsWhatIsSoon({ types, room }: Waiting, now: number): Keeps {
  let left = room;
  const staysBesideOthers = ({ held, type }: RunningTask): boolean => {
    const isFirstTime = held.dueAt === undefined;
    const hasOwnLimit = type.policy.concurrency !== undefined;
    const isOnlyType = types.size === 1 && types.has(type.redoTaskId);
    if (!isFirstTime || hasOwnLimit || !isOnlyType || left <= 0) return false;
    left -= 1;
    return true;
  };
  return (each, settlement): each is RunningTask => {
    if (!(each instanceof RunningTask) || settlement.kind !== 'again') return false;
    // Where an earlier try may have been committed, somebody else may have claimed it since.
    const mayBeElsewhere = each.tries > 1;
    if (mayBeElsewhere || !isSoon(each.task, settlement.delay, now)) return false;
    return types.size === 0 || staysBesideOthers(each);
  };
}

/** One that expires is judged by the database. */
const isSoon = ({ expireTime }: ClaimedTask, delay: number, now: number): boolean =>
  delay <= SOON && (expireTime === null || expireTime > now + SOON);
