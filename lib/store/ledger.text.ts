import { runsOf } from './runs.js';

/**
 * What the columns of a worker's row say as JSON. Ids that follow one another are written as a range, `"7-9"`: what was added
 * together falls due together, and the row is written with every claim, begin and settling. Whoever spoilt one by hand must
 * not stop the engine: only what makes sense counts.
 */

/** Task type → ids claimed, not begun. */
export type HeldIds = Readonly<Record<string, readonly number[]>>;
/** Task type → ids whose handler has begun, each with its attempt. */
export type RunningIds = Readonly<Record<string, readonly RunningMark[]>>;
export type RunningMark = readonly [id: number, attempt: number];

/** What a worker has, in the making: told task by task, then put into the words of its row. */
export class Holding {
  private readonly heldOf = new Map<string, number[]>();
  private readonly runningOf = new Map<string, Map<number, number[]>>();

  hold(redoTaskId: string, id: number): void {
    entry(this.heldOf, redoTaskId, newList).push(id);
  }

  run(redoTaskId: string, id: number, attempt: number): void {
    const byAttempt = entry(this.runningOf, redoTaskId, newMap);
    entry(byAttempt, attempt, newList).push(id);
  }

  /** `{"pay": ["7-9", 12]}` */
  get held(): string {
    return encoded(this.heldOf, rangesOf);
  }

  /** `{"pay": [["7-9", 1], [12, 3]]}`: ids and the attempt that each of them is in. */
  get running(): string {
    return encoded(this.runningOf, (byAttempt) =>
      [...byAttempt].flatMap(([attempt, ids]) => rangesOf(ids).map((range) => [range, attempt])),
    );
  }
}

const newList = (): number[] => [];
const newMap = () => new Map<number, number[]>();

function entry<K, V>(map: Map<K, V>, key: K, create: () => V): V {
  let value = map.get(key);
  if (value === undefined) map.set(key, (value = create()));
  return value;
}

/** What is left out is due, at worst once too early. */
export const decodeHeld = (text: string | null): HeldIds => byType(text, idsOf);
export const decodeRunning = (text: string | null): RunningIds => byType(text, marksOf);

export function decodeHandlers(text: string | null): string[] {
  const decoded = parsed(text);
  return Array.isArray(decoded) ? decoded.filter((each) => typeof each === 'string') : [];
}

const encoded = <T>(all: ReadonlyMap<string, T>, encode: (some: T) => unknown): string =>
  JSON.stringify(Object.fromEntries([...all].map(([type, some]) => [type, encode(some)])));

/** An id, or the first and the last of several. */
type Range = number | string;

function rangesOf(ids: readonly number[]): Range[] {
  return runsOf(ids).map(([first, last]) => (first === last ? first : `${first}-${last}`));
}

/** Nobody has more of one type: a longer range makes no sense. */
const LONGEST_RANGE = 100_000;

function idsOf(range: unknown): number[] {
  if (isId(range)) return [range];
  const [, from, to] = (typeof range === 'string' && range.match(/^(\d+)-(\d+)$/)) || [];
  const [first, last] = [Number(from), Number(to)];
  if (!isId(first) || !isId(last) || last - first >= LONGEST_RANGE) return [];
  return Array.from({ length: Math.max(0, last - first + 1) }, (_, index) => first + index);
}

function marksOf(mark: unknown): RunningMark[] {
  if (!Array.isArray(mark) || mark.length !== 2) return [];
  const [range, attempt] = mark as unknown[];
  return Number.isSafeInteger(attempt) ? idsOf(range).map((id) => [id, attempt as number]) : [];
}

function byType<T>(
  text: string | null,
  decode: (entry: unknown) => readonly T[],
): Record<string, readonly T[]> {
  const decoded = parsed(text);
  // Without a prototype: `constructor` may be a task type.
  const found = Object.create(null) as Record<string, readonly T[]>;
  if (typeof decoded !== 'object' || decoded === null) return found;
  for (const [type, entries] of Object.entries(decoded))
    if (Array.isArray(entries)) found[type] = entries.flatMap(decode);
  return found;
}

const isId = (entry: unknown): entry is number => Number.isSafeInteger(entry);

function parsed(text: string | null): unknown {
  try {
    return JSON.parse(text ?? 'null');
  } catch {
    return undefined;
  }
}
