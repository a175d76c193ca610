/** A place in the order in which tasks are claimed: the longest due first, of equals the first added. */
export interface Place {
  /** Since when it has been due, epoch ms. */
  readonly dueTime: number;
  readonly id: number;
}

/** While claims go on from where one ended, so often one looks from the start, ms. */
export const FROM_THE_START_EVERY = 1_000;

export const isLater = (one: Place, other: Place): boolean =>
  one.dueTime === other.dueTime ? one.id > other.id : one.dueTime > other.dueTime;
