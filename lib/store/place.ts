/** A place in the order in which tasks are claimed: the longest due first, of equals the first added. */
export interface Place {
  /** Since when it has been due, epoch ms. */
  readonly dueTime: number;
  readonly id: number;
}
