export type SqlValue = string | number | null;

/** Made in this file alone, out of template literals: no other object passes for one, nor does a string. */
class Fragment {
  readonly #ours = true;

  /** @param pieces the text, cut where a value goes: one piece more than there are values */
  constructor(
    readonly pieces: readonly string[],
    readonly values: readonly SqlValue[],
  ) {}

  /** With `?` where a value goes. */
  get text(): string {
    return this.pieces.join('?');
  }

  /** With `$1`, `$2`, … where a value goes. */
  get numberedText(): string {
    return this.pieces.reduce((text, piece, index) => `${text}$${index}${piece}`);
  }

  static is(part: unknown): part is Fragment {
    return typeof part === 'object' && part !== null && #ours in part && part.#ours;
  }
}

/** One SQL statement: its text, with places for values, and these in order. */
export type Statement = Fragment;

/** What stands for one value. */
export type Expression = SqlValue | Statement;

/** What may stand between statements in a row. */
export type Separator = ' AND ' | ' OR ' | ' UNION ALL ' | ', ' | ' ';

/**
 * A statement as it reads. What stands in `${}` becomes a parameter, unless it is a statement itself: that is spliced in.
 * No value can reach the text.
 */
export function sql(strings: TemplateStringsArray, ...parts: readonly Expression[]): Statement {
  const pieces = [strings[0] ?? ''];
  const values: SqlValue[] = [];
  parts.forEach((part, index) => {
    const after = strings[index + 1] ?? '';
    if (Fragment.is(part)) {
      append(pieces, values, part);
      pieces[pieces.length - 1] += after;
    } else {
      pieces.push(after);
      values.push(part);
    }
  });
  return new Fragment(pieces, values);
}

/** Nothing, where a dialect has nothing to say. */
export const nothing = sql``;

export function joined(statements: readonly Statement[], separator: Separator): Statement {
  const pieces = [''];
  const values: SqlValue[] = [];
  statements.forEach((statement, index) => {
    if (index > 0) pieces[pieces.length - 1] += separator;
    append(pieces, values, statement);
  });
  return new Fragment(pieces, values);
}

/** `?, ?, ?` for an IN list. SQL has no empty one, so there is none here either. */
export function list(values: readonly SqlValue[]): Statement {
  if (values.length === 0) throw new RangeError('an SQL list needs at least one value');
  return new Fragment(['', ...values.slice(1).map(() => ', '), ''], values);
}

function append(pieces: string[], values: SqlValue[], added: Fragment): void {
  const [first = '', ...others] = added.pieces;
  pieces[pieces.length - 1] += first;
  for (const piece of others) pieces.push(piece);
  for (const value of added.values) values.push(value);
}

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
