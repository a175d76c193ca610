/** The first and the last of ids that follow one another. */
export type IdRange = readonly [first: number, last: number];

/** Tasks that were added together have ids in a row, fall due together and are claimed together. */
export function rangesOf(ids: Iterable<number>): IdRange[] {
  const ranges: [first: number, last: number][] = [];
  for (const id of [...ids].sort((one, other) => one - other)) {
    const range = ranges.at(-1);
    if (range && range[1] + 1 === id) range[1] = id;
    else ranges.push([id, id]);
  }
  return ranges;
}

export const lengthOf = ([first, last]: IdRange): number => last - first + 1;

export const idsOf = (range: IdRange): number[] =>
  Array.from({ length: lengthOf(range) }, (_, index) => range[0] + index);
