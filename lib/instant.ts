const FARTHEST = 8.64e15;

/**
 * Epoch ms of a row as a `Date`. Where somebody wrote an instant that a `Date` can't hold, the nearest that it can; where it
 * is none, 1970, which is what a row says that does not know.
 */
export const dateOf = (ms: number): Date =>
  new Date(Number.isNaN(ms) ? 0 : Math.max(-FARTHEST, Math.min(FARTHEST, ms)));
