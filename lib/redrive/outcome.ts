/** How one attempt ended. */
export type Outcome =
  | { readonly kind: 'succeeded' }
  | { readonly kind: 'failed'; readonly error: Error }
  | { readonly kind: 'postponed'; readonly delay: number }
  | { readonly kind: 'discarded'; readonly reason: string }
  /** It stopped because this instance stops: not the task's fault. */
  | { readonly kind: 'aborted' };
