export type SqlValue = string | number | null;

/** Made in this file alone, out of template literals: no other object passes for one, nor does a string. */
class Fragment {
  readonly #ours = true;

  constructor(
    readonly text: string,
    readonly values: readonly SqlValue[],
  ) {}

  static is(part: unknown): part is Fragment {
    return typeof part === 'object' && part !== null && #ours in part && part.#ours;
  }
}

/** One SQL statement: its text with `?` placeholders, and their values in order. */
export type Statement = Fragment;

/** What may stand between statements in a row. */
export type Separator = ' AND ' | ' OR ' | ' UNION ALL ' | ', ' | ' ';

/**
 * A statement as it reads. What stands in `${}` becomes a parameter, unless it is a statement itself: that is spliced in.
 * No value can reach the text.
 */
export function sql(strings: TemplateStringsArray, ...parts: readonly (SqlValue | Statement)[]): Statement {
  let text = strings[0] ?? '';
  const values: SqlValue[] = [];
  parts.forEach((part, index) => {
    if (Fragment.is(part)) {
      text += part.text;
      values.push(...part.values);
    } else {
      text += '?';
      values.push(part);
    }
    text += strings[index + 1];
  });
  return new Fragment(text, values);
}

/** Nothing, where a dialect has nothing to say. */
export const nothing = sql``;

export function joined(statements: readonly Statement[], separator: Separator): Statement {
  return new Fragment(
    statements.map(({ text }) => text).join(separator),
    statements.flatMap(({ values }) => values),
  );
}

/** `?, ?, ?` for an IN list. SQL has no empty one, so there is none here either. */
export function list(values: readonly SqlValue[]): Statement {
  if (values.length === 0) throw new RangeError('an SQL list needs at least one value');
  return new Fragment(values.map(() => '?').join(', '), values);
}

/** `CASE id WHEN 1 THEN … WHEN 2 THEN … END`: another value for each row of one UPDATE. */
export function byId<T extends { readonly id: number }>(
  items: readonly T[],
  value: (item: T) => SqlValue,
): Statement {
  return sql`CASE id ${joined(
    items.map((item) => sql`WHEN ${item.id} THEN ${value(item)}`),
    ' ',
  )} END`;
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
