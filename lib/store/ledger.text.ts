/** What the columns of a worker's row say as JSON. Whoever spoilt one by hand must not stop the engine: only what makes sense counts. */

/** Task type → ids claimed, not begun. */
export type HeldIds = Readonly<Record<string, readonly number[]>>;
/** Task type → ids whose handler has begun, each with its attempt. */
export type RunningIds = Readonly<Record<string, readonly RunningMark[]>>;
export type RunningMark = readonly [id: number, attempt: number];

/** What is left out is due, at worst once too early. */
export const decodeHeld = (text: string | null): HeldIds => byType(text, isId);
export const decodeRunning = (text: string | null): RunningIds => byType(text, isMark);

export function decodeHandlers(text: string | null): string[] {
  const decoded = parsed(text);
  return Array.isArray(decoded) ? decoded.filter((each) => typeof each === 'string') : [];
}

function byType<T>(
  text: string | null,
  makesSense: (entry: unknown) => entry is T,
): Record<string, readonly T[]> {
  const decoded = parsed(text);
  // Without a prototype: `constructor` may be a task type.
  const found = Object.create(null) as Record<string, readonly T[]>;
  if (typeof decoded !== 'object' || decoded === null) return found;
  for (const [type, entries] of Object.entries(decoded))
    if (Array.isArray(entries)) found[type] = entries.filter(makesSense);
  return found;
}

const isId = (entry: unknown): entry is number => Number.isSafeInteger(entry);

const isMark = (entry: unknown): entry is RunningMark =>
  Array.isArray(entry) && entry.length === 2 && isId(entry[0]) && Number.isSafeInteger(entry[1]);

function parsed(text: string | null): unknown {
  try {
    return JSON.parse(text ?? 'null');
  } catch {
    return undefined;
  }
}
