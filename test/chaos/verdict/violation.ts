/** A promise that did not hold. */
export interface Violation {
  readonly what:
    | 'a committed task did not end'
    | 'a task ended for the wrong reason'
    | 'a rolled-back task ran'
    | 'a rolled-back task is stored'
    | 'a task was added once and stored twice'
    | 'a transaction ended otherwise than its producer was told'
    | 'an attempt ran and was not counted'
    | 'an attempt was counted and nobody ran it'
    | 'a double run that no fault explains'
    | 'more double runs than tasks in flight'
    | 'a task ran in two live workers at once'
    | 'a lease was lost without a fault'
    | 'a process ended by itself'
    | 'a process did not stop'
    | 'the backlog was not empty within two leases';
  readonly words: string;
}
