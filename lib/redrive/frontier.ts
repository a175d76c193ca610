/** So often a claim looks from the start, ms. */
const FROM_THE_START_EVERY = 1_000;

/**
 * How far claims have come in the order in which tasks fall due, by type: while there is more than one claim takes, the next
 * goes on from there. What was deleted stays in the index until the database tidies up, which a single open transaction can put
 * off for hours; who looks from the start reads past all of it. What comes before the frontier (a transaction that commits
 * late, tasks handed back) is found a second later, or sooner: when less is found than wanted.
 */
export class Frontier {
  private readonly byType = new Map<string, { readonly dueTime: number; readonly startedAt: number }>();

  /** Where to go on; types that are not there: from the start. */
  from(types: Iterable<string>): Map<string, number> {
    const oldest = performance.now() - FROM_THE_START_EVERY;
    const from = new Map<string, number>();
    for (const type of types) {
      const reached = this.byType.get(type);
      if (reached && reached.startedAt > oldest) from.set(type, reached.dueTime);
    }
    return from;
  }

  /** A claim took tasks of this type, the last of them due since `dueTime`, and there are more. */
  reached(type: string, dueTime: number, from: ReadonlyMap<string, number>): void {
    const before = from.has(type) ? this.byType.get(type) : undefined;
    this.byType.set(type, { dueTime, startedAt: before?.startedAt ?? performance.now() });
  }

  clear(types: Iterable<string> = [...this.byType.keys()]): void {
    for (const type of types) this.byType.delete(type);
  }
}
