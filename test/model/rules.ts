/**
 * What protects the claim protocol. Each is a line or two of `lib`; with one of them off, the model is a mutant, and the
 * explorer must find what breaks.
 */
export interface Rules {
  /** Nobody looks for free tasks but under the lock row (`claim` in lib/store/claim.ts). */
  readonly lookUnderTheLockRow: boolean;
  /** What a lapsed worker has is not free before that worker is reaped (`lookPastHeld` in lib/store/free.sight.ts). */
  readonly lapsedKeepTheirs: boolean;
  /** 0 rows of its own written: everything is rolled back (`writeOwnRow` in lib/store/ledger.ts). */
  readonly fence: boolean;
  /** One lane at a time writes the own row (lib/store/turn.ts). */
  readonly oneWriter: boolean;
  /** Whether a lease has run out is judged again once its row is locked (`lockLapsed` in lib/store/ledger.ts). */
  readonly leaseJudgedUnderLock: boolean;
  /** Attempts are charged in the transaction that ends the worker (`reap` in lib/store/reap.ts). */
  readonly chargedAsTheRowGoes: boolean;
  /** A worker is charged for all that it runs or for nothing (`reap` in lib/store/reap.ts). */
  readonly chargedAtOnce: boolean;
  /** A settlement counts only where `exec_times` is still what it was (`applies` in lib/store/settle.ts). */
  readonly guard: boolean;
  /** Tasks are locked before it is judged whether a settlement still applies (`settleEach` in lib/store/settle.ts). */
  readonly judgedUnderLock: boolean;
  /** What could not be settled at the end stays with the worker, to be charged (`handBack` in lib/store/settle.ts). */
  readonly unsettledStay: boolean;
  /** Handlers begin when their mark is committed, not before (`begin` in lib/redrive/starter.ts). */
  readonly markedFirst: boolean;
  /** While a worker adds a task that it begins, none of its claims is under way (`isAdding` in lib/redrive/loops.ts). */
  readonly addedBesideNoClaim: boolean;
  /** No handler begins when the own lease has run out (`next` in lib/redrive/starter.ts). */
  readonly ownLeaseJudged: boolean;
  /** Tasks begin only while nobody has knocked since they were read (`begin` in lib/store/begin.ts). */
  readonly knocksHeard: boolean;
  /** Of a claim that tells of no pause, the knocks at its look count (`read` in lib/redrive/claimer.ts). */
  readonly knocksOfTheLook: boolean;
  /** What is paused is read after what is held (`readAgain` in lib/redrive/claimer.ts). */
  readonly pausesReadLast: boolean;
  /** What is paused is not forgotten for a look that is older (`rememberPaused` in lib/redrive/backlog.ts). */
  readonly newestPauseCounts: boolean;
  /** A settlement that may have been committed before keeps nothing: it was free meanwhile (lib/redrive/keeping.ts). */
  readonly keptByTheFirstTry: boolean;
  /** What is kept counts as read when it was read, not when it was settled (`keep` in lib/redrive/worker.life.ts). */
  readonly keptAsRead: boolean;
  /** A write of the own row that comes late, after another, writes nothing (`updateOwnRow` in lib/store/ledger.ts). */
  readonly lateWritesRefused: boolean;
}

export const ALL_RULES: Rules = {
  lookUnderTheLockRow: true,
  lapsedKeepTheirs: true,
  fence: true,
  oneWriter: true,
  leaseJudgedUnderLock: true,
  chargedAsTheRowGoes: true,
  chargedAtOnce: true,
  guard: true,
  judgedUnderLock: true,
  unsettledStay: true,
  markedFirst: true,
  addedBesideNoClaim: true,
  ownLeaseJudged: true,
  knocksHeard: true,
  knocksOfTheLook: true,
  pausesReadLast: true,
  newestPauseCounts: true,
  keptByTheFirstTry: true,
  keptAsRead: true,
  lateWritesRefused: true,
};
