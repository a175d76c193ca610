import type { Limits, State, Tx } from './state.js';

export interface Step {
  readonly name: string;
  /** It is a fault, or somebody's choice: tasks must be able to end without it. */
  readonly chance?: true;
  /** @throws {Violation} it breaks a promise */
  take(): State;
}

/** Transactions that wait for a lock. */
export type Waiting = { readonly tx: Tx; readonly lock: string }[];

/** The same state, in which one chance less is left. */
export const spent = (state: State, what: keyof Limits): State => ({
  ...state,
  left: { ...state.left, [what]: state.left[what] - 1 },
});
