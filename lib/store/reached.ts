import { FROM_THE_START_EVERY, isLater, type Place } from './place.js';

/** How far claims have come with one task type: all that is due up to there, somebody has. */
export interface ReachedPlace extends Place {
  /** When a claim last looked from the start, the database's clock, epoch ms. */
  readonly since: number;
}

/** By task type. */
export type Reached = ReadonlyMap<string, ReachedPlace>;

/**
 * How far the claims of all workers have come, by what their rows say: claims follow one another under the lock row, each from where
 * the one before it ended, whoever made it. What comes before (a transaction that commits late, tasks handed back) is found by
 * whoever looks from the start, once a second.
 *
 * @param texts the workers' `reached`
 * @param now the database's clock, epoch ms
 */
export function farthest(texts: readonly (string | null)[], now: number): Reached {
  const reached = new Map<string, ReachedPlace>();
  for (const text of texts)
    for (const [type, place] of decode(text)) {
      const known = reached.get(type);
      if (place.since <= now && (!known || isLater(place, known))) reached.set(type, place);
    }
  return reached;
}

/** Whether claims may go on from there. */
export const isFresh = ({ since }: ReachedPlace, now: number): boolean => now < since + FROM_THE_START_EVERY;

/** Somebody has just looked from the start: others need not. */
export const isNews = (reached: Reached, now: number): boolean =>
  [...reached.values()].some(({ since }) => since === now);

/** The same with what a claim takes, in order. */
export function withTaken(
  reached: Reached,
  taken: readonly (Place & { readonly redoTaskId: string })[],
  now: number,
): Reached {
  const next = new Map(reached);
  for (const { redoTaskId, dueTime, id } of taken) {
    const known = next.get(redoTaskId);
    const place = { dueTime, id, since: known?.since ?? now };
    if (!known || isLater(place, known)) next.set(redoTaskId, place);
  }
  return next;
}

/** `{"pay": [dueTime, id, since]}` */
export const encodeReached = (reached: Reached): string =>
  JSON.stringify(
    Object.fromEntries([...reached].map(([type, { dueTime, id, since }]) => [type, [dueTime, id, since]])),
  );

/** Whoever spoilt it by hand must not stop the engine: only what makes sense counts. */
function decode(text: string | null): [type: string, place: ReachedPlace][] {
  if (text === null) return [];
  let decoded: unknown;
  try {
    decoded = JSON.parse(text);
  } catch {
    return [];
  }
  if (typeof decoded !== 'object' || decoded === null) return [];
  return Object.entries(decoded).flatMap(([type, numbers]): [string, ReachedPlace][] => {
    if (!Array.isArray(numbers) || !numbers.every(Number.isSafeInteger)) return [];
    const [dueTime, id, since] = numbers as number[];
    if (dueTime === undefined || id === undefined || since === undefined) return [];
    return [[type, { dueTime, id, since }]];
  });
}
