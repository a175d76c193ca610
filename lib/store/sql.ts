export type SqlValue = string | number | null;

/** Made in this file alone, out of template literals: no other object passes for one, nor does a string. */
class Fragment {
  readonly #ours = true;
  #flat: Flat | undefined;

  /** @param strings the text, cut where a part goes: one more than there are parts */
  constructor(
    private readonly strings: readonly string[],
    private readonly parts: readonly Expression[],
  ) {}

  /** With `?` where a value goes. */
  get text(): string {
    return this.flat.pieces.join('?');
  }

  /** With `$1`, `$2`, … where a value goes. */
  get numberedText(): string {
    return this.flat.pieces.reduce((text, piece, index) => `${text}$${index}${piece}`);
  }

  get values(): readonly SqlValue[] {
    return this.flat.values;
  }

  /** The same with nothing left to splice, for what goes into many others. */
  get inOnePiece(): Fragment {
    return new Fragment(this.flat.pieces, this.flat.values);
  }

  static is(part: unknown): part is Fragment {
    return typeof part === 'object' && part !== null && #ours in part && part.#ours;
  }

  /** Only what is sent is spliced, once: the rows of an INSERT are fragments of fragments. */
  private get flat(): Flat {
    if (!this.#flat) {
      this.#flat = { pieces: [''], values: [] };
      this.appendTo(this.#flat);
    }
    return this.#flat;
  }

  private appendTo(flat: Flat): void {
    const { pieces, values } = flat;
    pieces[pieces.length - 1] += this.strings[0] ?? '';
    this.parts.forEach((part, index) => {
      const after = this.strings[index + 1] ?? '';
      if (Fragment.is(part)) {
        part.appendTo(flat);
        pieces[pieces.length - 1] += after;
      } else {
        pieces.push(after);
        values.push(part);
      }
    });
  }
}

/** @property pieces the text, cut where a value goes: one more than there are values */
interface Flat {
  readonly pieces: string[];
  readonly values: SqlValue[];
}

/** One SQL statement: its text, with places for values, and these in order. */
export type Statement = Fragment;

/** What stands for one value. */
export type Expression = SqlValue | Statement;

/** What may stand between statements in a row. */
export type Separator = ' AND ' | ' OR ' | ' UNION ALL ' | ', ' | ' ';

/**
 * A statement as it reads. What stands in `${}` becomes a parameter, unless it is a statement itself: that is spliced in.
 * No value can reach the text, but by {@link literal}.
 */
export const sql = (strings: TemplateStringsArray, ...parts: readonly Expression[]): Statement =>
  new Fragment(strings, parts);

/**
 * A value that many rows have in common, in the text itself if it may: there it costs each row less than a parameter does. Whole numbers
 * and words alone may, which every mode, character set and driver reads as themselves.
 */
export function literal(value: SqlValue): Expression {
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0)
    return new Fragment([`${value}`], []);
  if (typeof value === 'string' && WORD.test(value)) return new Fragment([`'${value}'`], []);
  return value;
}

const WORD = /^[A-Za-z0-9_.-]+$/;

/** Nothing, where a dialect has nothing to say. */
export const nothing = sql``;

export const joined = (statements: readonly Statement[], separator: Separator): Statement =>
  new Fragment(around(statements, separator), statements);

/** `?, ?, ?` for an IN list. SQL has no empty one, so there is none here either. */
export function list(values: readonly SqlValue[]): Statement {
  if (values.length === 0) throw new RangeError('an SQL list needs at least one value');
  return new Fragment(around(values, ', '), values);
}

const around = ({ length }: readonly Expression[], separator: Separator): readonly string[] =>
  length === 0 ? [''] : ['', ...Array<string>(length - 1).fill(separator), ''];

/** One statement holds about so many characters of values: servers limit the size of a packet. */
export const MOST_CHARACTERS = 1_000_000;

/** Cuts a long list so that each statement stays small and short. */
export function* inChunks<T>(
  items: readonly T[],
  size: number,
  charactersOf: (item: T) => number = () => 0,
): Generator<readonly T[]> {
  let chunk: T[] = [];
  let characters = 0;
  for (const item of items) {
    const more = charactersOf(item);
    if (chunk.length >= size || (chunk.length > 0 && characters + more > MOST_CHARACTERS)) {
      yield chunk;
      chunk = [];
      characters = 0;
    }
    chunk.push(item);
    characters += more;
  }
  if (chunk.length > 0) yield chunk;
}
