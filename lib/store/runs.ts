/** Ids that follow one another: the first and the last of them. */
export type Run = readonly [first: number, last: number];

/** What was added together has ids in a row, and falls due together: thousands of ids are often few runs. */
export function runsOf(ids: readonly number[]): Run[] {
  const runs: [first: number, last: number][] = [];
  // An array of numbers alone is sorted as such, without a call for each pair.
  for (const id of Float64Array.from(ids).sort()) {
    const run = runs.at(-1);
    if (run && run[1] + 1 === id) run[1] = id;
    else runs.push([id, id]);
  }
  return runs;
}
