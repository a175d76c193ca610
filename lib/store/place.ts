/** A place in the order in which tasks are claimed: the longest due first, of equals the first added. */
export interface Place {
  /** Since when it has been due, epoch ms. */
  readonly dueTime: number;
  readonly id: number;
}

export function theLater(one: Place, other: Place): Place {
  const order = one.dueTime - other.dueTime || one.id - other.id;
  return order > 0 ? one : other;
}
