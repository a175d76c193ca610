import { FROM_THE_START_EVERY, type Place } from '../store/place.js';

/**
 * How far claims have come in the order in which tasks fall due, by type: while there is more than one claim takes, the next
 * goes on from there. What was deleted stays in the index until the database tidies up, which a single open transaction can put
 * off for hours; who looks from the start reads past all of it. What comes before the frontier (a transaction that commits
 * late, tasks handed back) is found a second later, or sooner: when nothing else is left to do.
 */
export class Frontier {
  private readonly byType = new Map<string, { readonly place: Place; readonly startedAt: number }>();

  /** Where to go on; types that are not there: from the start. */
  after(types: Iterable<string>): Map<string, Place> {
    const oldest = performance.now() - FROM_THE_START_EVERY;
    const after = new Map<string, Place>();
    for (const type of types) {
      const reached = this.byType.get(type);
      if (reached && reached.startedAt > oldest) after.set(type, reached.place);
    }
    return after;
  }

  /** A claim took tasks of this type, the last of them at `place`, and there are more. */
  reached(type: string, place: Place, after: ReadonlyMap<string, Place>): void {
    const before = after.has(type) ? this.byType.get(type) : undefined;
    this.byType.set(type, { place, startedAt: before?.startedAt ?? performance.now() });
  }

  clear(types: Iterable<string> = [...this.byType.keys()]): void {
    for (const type of types) this.byType.delete(type);
  }
}
