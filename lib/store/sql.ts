/** One SQL statement: its text with `?` placeholders, and their values in order. */
export interface Statement {
  readonly text: string;
  readonly values: readonly SqlValue[];
}

export type SqlValue = string | number | null;

class Fragment implements Statement {
  constructor(
    readonly text: string,
    readonly values: readonly SqlValue[],
  ) {}
}

/**
 * A statement as it reads. What stands in `${}` becomes a parameter, unless it is a statement itself: that is spliced in.
 * No value can reach the text.
 */
export function sql(strings: TemplateStringsArray, ...parts: readonly (SqlValue | Statement)[]): Statement {
  let text = strings[0] ?? '';
  const values: SqlValue[] = [];
  parts.forEach((part, index) => {
    if (part instanceof Fragment) {
      text += part.text;
      values.push(...part.values);
    } else {
      text += '?';
      values.push(part as SqlValue);
    }
    text += strings[index + 1];
  });
  return new Fragment(text, values);
}

/** Nothing, where a dialect has nothing to say. */
export const nothing = sql``;

/** Statements in a row, `separator` (SQL text of ours) between them. */
export function joined(statements: readonly Statement[], separator: string): Statement {
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

/** Cuts a long list so that each statement stays small and short. */
export function* inChunks<T>(items: readonly T[], size: number): Generator<readonly T[]> {
  for (let start = 0; start < items.length; start += size) yield items.slice(start, start + size);
}
