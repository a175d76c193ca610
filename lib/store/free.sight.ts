import type { Dialect } from './dialect.js';
import type { WorkerIdentity } from './ledger.js';
import { decodeAll, type Holding } from './ledger.text.js';
import { isLater, type Place } from './place.js';
import { farthest, isFresh, type Reached, type ReachedPlace } from './reached.js';
import { type IdRuns, lengthOf, type Run } from './runs.js';
import { type DueTask, look, type Sight, type Wanted } from './sight.js';
import type { Work } from './work.js';

/** What a worker has itself, as its memory has it when asked. */
export interface OwnTasks {
  /** Of each type. */
  counts(): ReadonlyMap<string, number>;
  /** As they are now, also when they have left since. */
  ids(): IdRuns;
  has(id: number): boolean;
  /** As its row is to say it. */
  holding(): Holding;
}

/** What a look has to see past, as the look before it found it. */
export interface Elsewhere {
  /** How many other workers there are. */
  readonly workers: number;
  /** How many tasks of each type they have. */
  readonly held: ReadonlyMap<string, number>;
}

export const NOBODY_ELSE: Elsewhere = { workers: 0, held: new Map() };

/** A sight whose due tasks are those that nobody has. */
export interface FreeSight extends Sight {
  /** How often somebody had knocked at this worker; undefined: its row is gone. */
  readonly knocks: number | undefined;
  readonly elsewhere: Elsewhere;
  /** Of a type less was found than wanted after the place where the look went on, and what comes before it was not seen. */
  readonly mayHaveMissed: boolean;
  /** How far claims had come; undefined where others have little. */
  readonly reached?: Reached;
}

/** From so many on, what others have is not read past: a claim goes on from where theirs ended, or the database leaves it out. */
export const MANY = 500;
/** So many runs at the most, each a large part of what the others have: each is compared with every entry that is read. */
const MOST_LEFT_OUT = 40;

/**
 * The question of an idle instance, and the look of a claim, under the lock row: one statement, unless others may have many of those
 * that it would read. Then it goes on from where their claims ended, and where that is not known, what they have is left out by the
 * database, as far as it is ids in a row. The ledger is read again with what is due, so that what counts is of one moment.
 */
export function* lookForFree(
  dialect: Dialect,
  worker: WorkerIdentity,
  own: OwnTasks,
  wanted: Wanted,
  { workers, held }: Elsewhere,
): Work<FreeSight> {
  const mayBeMany = ([type, most]: [string, number]) =>
    Math.max(held.get(type) ?? 0, workers > 0 ? most : 0) >= MANY;
  if (![...wanted.perType].some(mayBeMany)) return yield* lookPastHeld(dialect, worker, own, wanted, held);
  const ledger = yield* look(dialect, worker.applicationName, NOTHING);
  const others = heldByOthers(ledger, worker);
  const reached = farthest(
    ledger.workers.map((each) => each.reached),
    ledger.now,
  );
  const isPassed = ([type, place]: [string, ReachedPlace]) =>
    isFresh(place, ledger.now) && (others.get(type)?.size ?? 0) >= MANY;
  const passed = new Map([...reached].filter(isPassed));
  const after = laterOf(wanted.after, passed);
  const before = new Map([...others].filter(([type]) => !passed.has(type)));
  const sight = yield* lookPastMany(dialect, worker, own, { ...wanted, after }, before);
  return { ...sight, reached: seenAgain(reached, sight, { ...wanted, after }) };
}

function laterOf(own: ReadonlyMap<string, Place>, theirs: ReadonlyMap<string, Place>): Map<string, Place> {
  const after = new Map(own);
  for (const [type, place] of theirs) {
    const known = after.get(type);
    if (!known || isLater(place, known)) after.set(type, place);
  }
  return after;
}

/** Where a claim from the start found less than it wanted, nothing free was left before that place. */
function seenAgain(reached: Reached, sight: FreeSight, { perType, after }: Wanted): Reached {
  const isAllSeen = (type: string) =>
    !after.has(type) && (sight.due.get(type)?.length ?? 0) < (perType.get(type) ?? 0);
  const seen = [...reached].map(
    ([type, place]) => [type, isAllSeen(type) ? { ...place, since: sight.now } : place] as const,
  );
  return new Map(seen.filter(([, place]) => isFresh(place, sight.now)));
}

const NOTHING: Wanted = { perType: new Map(), after: new Map() };

/** @param held what the others had a moment ago */
function lookPastMany(
  dialect: Dialect,
  worker: WorkerIdentity,
  own: OwnTasks,
  wanted: Wanted,
  held: IdsByType,
): Work<FreeSight> {
  const ofThese = [...held].filter(([type]) => wanted.perType.has(type));
  const { leftOut, others } = partOf(new Map(ofThese));
  return lookPastHeld(dialect, worker, own, { ...wanted, leftOut }, others);
}

/** What of these ids is left out, and how many others there are of each type. */
function partOf(held: IdsByType): { leftOut: Run[]; others: Map<string, number> } {
  const others = sizes(held);
  const total = [...others.values()].reduce((sum, size) => sum + size, 0);
  const leftOut: Run[] = [];
  for (const [type, { runs }] of held)
    for (const run of runs.filter((each) => lengthOf(each) * MOST_LEFT_OUT >= total)) {
      leftOut.push(run);
      others.set(type, (others.get(type) ?? 0) - lengthOf(run));
    }
  return { leftOut, others };
}

/**
 * A look that sees past what others have: those ids are mostly the longest due, so that many more are asked for and then
 * left out. Ids of a lapsed worker are left out too until it is reaped; the next look has them.
 *
 * @param own what this worker has: what it had before and settles while the look is under way is not due either
 * @param heldElsewhere how many of each type the others have, beside what is left out
 */
function* lookPastHeld(
  dialect: Dialect,
  worker: WorkerIdentity,
  own: OwnTasks,
  wanted: Wanted,
  heldElsewhere: ReadonlyMap<string, number>,
): Work<FreeSight> {
  const { perType, after } = wanted;
  const before = own.ids();
  // What it has itself comes before the place where it goes on.
  const ownBetween = [...perType.keys()].every((type) => after.has(type)) ? NO_COUNTS : own.counts();
  const margin = (type: string) =>
    (heldElsewhere.get(type) ?? 0) + (after.has(type) ? 0 : (ownBetween.get(type) ?? 0));
  const asked = new Map([...perType].map(([type, most]) => [type, most + margin(type)]));
  const sight = yield* look(dialect, worker.applicationName, { ...wanted, perType: asked });
  const others = heldByOthers(sight, worker);
  const due = new Map<string, readonly DueTask[]>();
  for (const [type, tasks] of sight.due) {
    const strange = others.get(type);
    const free = tasks.filter(({ id }) => !before.has(id) && !own.has(id) && !strange?.has(id));
    const isCut = tasks.length === asked.get(type) && free.length < (perType.get(type) ?? 0);
    const strangers = () => tasks.filter(({ id }) => strange?.has(id)).length;
    if (isCut && strangers() > (heldElsewhere.get(type) ?? 0))
      return yield* lookPastMany(dialect, worker, own, wanted, others);
    if (free.length > 0 && !sight.paused.has(type)) due.set(type, free);
  }
  const isShort = (type: string) => (due.get(type)?.length ?? 0) < (perType.get(type) ?? 0);
  const mayHaveMissed = [...perType.keys()].some((type) => after.has(type) && isShort(type));
  const elsewhere = { workers: othersOf(sight, worker).length, held: sizes(others) };
  const knocks = sight.workers.find(({ id }) => id === worker.id)?.knocks;
  return { ...sight, due, knocks, elsewhere, mayHaveMissed };
}

const othersOf = ({ workers }: Sight, own: WorkerIdentity) => workers.filter(({ id }) => id !== own.id);

const heldByOthers = (sight: Sight, own: WorkerIdentity) => decodeAll(othersOf(sight, own));

type IdsByType = ReadonlyMap<string, IdRuns>;

const NO_COUNTS: ReadonlyMap<string, number> = new Map();

const sizes = (held: IdsByType) => new Map([...held].map(([type, ids]) => [type, ids.size]));
