import { IdRuns, type Run, runsOf } from './runs.js';

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
    return encoded(this.runningOf, marksIn);
  }

  /** The same with a task that has no id yet, cut where that goes. */
  runningAround(redoTaskId: string, attempt: number): readonly [before: string, after: string] {
    const marks = new Map([...this.runningOf].map(([type, byAttempt]) => [type, marksIn(byAttempt)]));
    entry(marks, redoTaskId, newList<unknown>).push([PLACE, attempt]);
    const [before = '', after = ''] = encoded(marks, (all) => all).split(JSON.stringify(PLACE) + ',');
    return [before, `,${after}`];
  }
}

/** No range reads so; and in a key a quotation mark would be escaped. */
const PLACE = 'id';

const marksIn = (byAttempt: ReadonlyMap<number, readonly number[]>): unknown[] =>
  [...byAttempt].flatMap(([attempt, ids]) => rangesOf(ids).map((range) => [range, attempt]));

const newList = <T = number>(): T[] => [];
const newMap = () => new Map<number, number[]>();

function entry<K, V>(map: Map<K, V>, key: K, create: () => V): V {
  let value = map.get(key);
  if (value === undefined) map.set(key, (value = create()));
  return value;
}

/** What is left out is due, at worst once too early. */
export const decodeHeld = (text: string | null): HeldIds => byType(text, idsOf);
export const decodeRunning = (text: string | null): RunningIds => byType(text, marksOf);

/** All that several workers have, by type: their rows' `held` and `running`. */
export function decodeAll(
  rows: readonly { readonly held: string | null; readonly running: string | null }[],
): Map<string, IdRuns> {
  const runs = new Map<string, Run[]>();
  for (const { held, running } of rows)
    for (const some of [byType(held, runsIn), byType(running, runsMarked)])
      for (const [type, of] of Object.entries(some)) {
        const all = entry(runs, type, newList<Run>);
        for (const run of of) all.push(run);
      }
  return new Map([...runs].map(([type, some]) => [type, new IdRuns(some)]));
}

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

function runsIn(range: unknown): Run[] {
  if (isId(range)) return [[range, range]];
  const [, from, to] = (typeof range === 'string' && range.match(/^(\d+)-(\d+)$/)) || [];
  const [first, last] = [Number(from), Number(to)];
  return isId(first) && isId(last) && first <= last && last - first < LONGEST_RANGE ? [[first, last]] : [];
}

const idsOf = (range: unknown): number[] =>
  runsIn(range).flatMap(([first, last]) =>
    Array.from({ length: last - first + 1 }, (_, index) => first + index),
  );

const isMark = (mark: unknown): mark is readonly [range: unknown, attempt: number] =>
  Array.isArray(mark) && mark.length === 2 && Number.isSafeInteger(mark[1]);

const runsMarked = (mark: unknown): Run[] => (isMark(mark) ? runsIn(mark[0]) : []);

const marksOf = (mark: unknown): RunningMark[] =>
  isMark(mark) ? idsOf(mark[0]).map((id) => [id, mark[1]]) : [];

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
