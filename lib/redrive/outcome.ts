/** How one attempt ended. */
export type Outcome =
  | { readonly kind: 'succeeded' }
  | { readonly kind: 'failed'; readonly failure: Failure }
  | { readonly kind: 'postponed'; readonly delay: number }
  | { readonly kind: 'discarded'; readonly reason: string }
  /** It stopped because this instance stops: not the task's fault. */
  | { readonly kind: 'aborted' };

/** Why an attempt failed, in plain words that can be written down, whatever was thrown. */
export interface Failure {
  /** As thrown, for the back-off function. */
  readonly error: Error;
  readonly message: string;
  /** The first lines, or `null`. */
  readonly stack: string | null;
}
