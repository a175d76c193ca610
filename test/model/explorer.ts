import { Violation } from './audit.js';
import type { Step as StepOf } from './step.js';

/** Something whose every reachable state is looked at. Its states are immutable, made of few different parts each. */
export interface System<S> {
  readonly first: S;
  steps(state: S): Iterable<Omit<StepOf, 'take'> & { take(): S }>;
  /** @throws {Violation} */
  check(state: S): void;
  hasEnded(state: S): boolean;
  /** The one of several states that differ in nothing that matters. */
  canonical(state: S): S;
  parts(state: S): readonly unknown[];
  whole(parts: readonly unknown[]): S;
  /** Ways to exchange what is alike, besides leaving all as it is. */
  readonly symmetries: readonly Symmetry[];
}

export interface Symmetry {
  /** Which part comes in whose place. */
  readonly order: readonly number[];
  /** A part that comes there, in new words. */
  renamed(part: unknown, place: number): unknown;
}

export interface Explored {
  readonly states: number;
  readonly steps: number;
  /** Of the longest of the shortest ways. */
  readonly depth: number;
  /** The shortest way to a broken promise, in words; its last line is the promise. */
  readonly counterExample: readonly string[] | undefined;
}

/** Breadth first, so that the first counter-example is a shortest one. All states are compared whole, none by a hash. */
export function explore<S>(system: System<S>, mostStates = Infinity): Explored {
  const known = new KnownStates(system);
  known.add(system.first, -1);
  const edges = new Pairs();
  const depths: number[] = [0];
  let steps = 0;
  const result = (counterExample?: readonly string[]): Explored => ({
    states: known.size,
    steps,
    depth: depths.at(-1)!,
    counterExample,
  });
  for (let at = 0; at < known.size; at += 1) {
    const state = known.state(at);
    try {
      for (const step of system.steps(state)) {
        steps += 1;
        const next = system.canonical(step.take());
        const before = known.size;
        const to = known.add(next, at);
        if (to === before) {
          depths.push(depths[at]! + 1);
          system.check(next);
        }
        if (!step.chance) edges.push(to, at);
      }
    } catch (thrown) {
      if (thrown instanceof Violation) return result(known.wayToViolation(at));
      throw thrown;
    }
    if (known.size > mostStates) throw new Error(`more than ${mostStates} states`);
  }
  const stuck = firstStuck(system, known, edges);
  if (stuck !== undefined)
    return result([...known.wayTo(stuck).names, '→ from here on the tasks can never all end by themselves']);
  return result();
}

/** The first state from which no end is reachable without another fault. */
function firstStuck<S>(system: System<S>, known: KnownStates<S>, edges: Pairs): number | undefined {
  const before = edges.bySource(known.size);
  const good = new Uint8Array(known.size);
  const open: number[] = [];
  for (let at = 0; at < known.size; at += 1)
    if (system.hasEnded(known.state(at))) {
      good[at] = 1;
      open.push(at);
    }
  for (let at = open.pop(); at !== undefined; at = open.pop())
    for (const from of before(at))
      if (!good[from]) {
        good[from] = 1;
        open.push(from);
      }
  const stuck = good.indexOf(0);
  return stuck < 0 ? undefined : stuck;
}

/** Each state as the numbers of its parts: many states, but few different parts. */
class KnownStates<S> {
  private readonly numbers = new Map<string, number>();
  private readonly from: number[] = [];
  private readonly keys: string[] = [];
  private readonly parts = new Parts();
  private readonly renamed: Map<number, number>[][];

  constructor(private readonly system: System<S>) {
    this.renamed = system.symmetries.map(({ order }) => order.map(() => new Map<number, number>()));
  }

  get size(): number {
    return this.keys.length;
  }

  /** @returns its number, old or new */
  add(state: S, from: number): number {
    const key = this.keyOf(state);
    const old = this.numbers.get(key);
    if (old !== undefined) return old;
    this.numbers.set(key, this.keys.length);
    this.keys.push(key);
    this.from.push(from);
    return this.keys.length - 1;
  }

  state(at: number): S {
    const key = this.keys[at]!;
    const parts: unknown[] = [];
    for (let index = 0; index < key.length; index += 2)
      parts.push(this.parts.get(key.charCodeAt(index) * 0x10000 + key.charCodeAt(index + 1)));
    return this.system.whole(parts);
  }

  /** The names of the steps that led there first, everybody keeping his name on the way. */
  wayTo(at: number): { names: string[]; state: S } {
    const keys: string[] = [];
    for (let to = at; this.from[to]! >= 0; to = this.from[to]!) keys.push(this.keys[to]!);
    let state = this.system.first;
    const names = keys.reverse().map((key) => {
      for (const step of this.system.steps(state)) {
        const next = this.system.canonical(step.take());
        if (this.keyOf(next) !== key) continue;
        state = next;
        return step.name;
      }
      throw new Error('a state whose way is lost');
    });
    return { names, state };
  }

  /** The same, a step further: to a broken promise. */
  wayToViolation(at: number): string[] {
    const { names, state } = this.wayTo(at);
    let name = '';
    try {
      for (const step of this.system.steps(state)) {
        ({ name } = step);
        this.system.check(this.system.canonical(step.take()));
      }
    } catch (thrown) {
      if (thrown instanceof Violation) return [...names, name, `→ ${thrown.message}`];
      throw thrown;
    }
    throw new Error('a violation whose way is lost');
  }

  /** The least of the keys of all states that are alike. */
  private keyOf(state: S): string {
    const numbers = this.system.parts(state).map((part) => this.parts.number(part));
    let least = textOf(numbers);
    for (const [which, { order }] of this.system.symmetries.entries()) {
      const key = textOf(order.map((from, place) => this.renamedNumber(which, place, numbers[from]!)));
      if (key < least) least = key;
    }
    return least;
  }

  private renamedNumber(which: number, place: number, number: number): number {
    const known = this.renamed[which]![place]!;
    let renamed = known.get(number);
    if (renamed === undefined) {
      renamed = this.parts.number(this.system.symmetries[which]!.renamed(this.parts.get(number), place));
      known.set(number, renamed);
    }
    return renamed;
  }
}

const textOf = (numbers: readonly number[]) => {
  let text = '';
  for (const number of numbers) text += String.fromCharCode(number >>> 16, number & 0xffff);
  return text;
};

/** Numbers what is the same by value. */
class Parts {
  private readonly byText = new Map<string, number>();
  private readonly byObject = new WeakMap<object, number>();
  private readonly all: unknown[] = [];

  number(part: unknown): number {
    const isObject = typeof part === 'object' && part !== null;
    const seen = isObject ? this.byObject.get(part) : undefined;
    if (seen !== undefined) return seen;
    const text = JSON.stringify(part);
    let number = this.byText.get(text);
    if (number === undefined) {
      number = this.all.push(part) - 1;
      this.byText.set(text, number);
    }
    if (isObject) this.byObject.set(part, number);
    return number;
  }

  get(number: number): unknown {
    return this.all[number];
  }
}

/** Pairs of state numbers. */
class Pairs {
  private items = new Int32Array(1 << 16);
  private length = 0;

  push(source: number, target: number): void {
    if (this.length === this.items.length) {
      const longer = new Int32Array(2 * this.length);
      longer.set(this.items);
      this.items = longer;
    }
    this.items[this.length] = source;
    this.items[this.length + 1] = target;
    this.length += 2;
  }

  /** @returns the targets of a source */
  bySource(sources: number): (source: number) => Int32Array {
    const starts = new Int32Array(sources + 1);
    for (let at = 0; at < this.length; at += 2) starts[this.items[at]! + 1]! += 1;
    for (let source = 0; source < sources; source += 1) starts[source + 1]! += starts[source]!;
    const targets = new Int32Array(this.length / 2);
    const next = starts.slice();
    for (let at = 0; at < this.length; at += 2) targets[next[this.items[at]!]!++] = this.items[at + 1]!;
    return (source) => targets.subarray(starts[source], starts[source + 1]);
  }
}
