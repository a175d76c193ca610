/** Ids that follow one another: the first and the last of them. */
export type Run = readonly [first: number, last: number];

/** What was added together has ids in a row, and falls due together: thousands of ids are often few runs. */
export function runsOf(ids: readonly number[]): Run[] {
  const runs: [first: number, last: number][] = [];
  for (const id of inOrder(ids)) {
    const run = runs.at(-1);
    if (run && run[1] + 1 === id) run[1] = id;
    else runs.push([id, id]);
  }
  return runs;
}

/** What was claimed is mostly in order; an array of numbers alone is sorted as such, without a call for each pair. */
function inOrder(ids: readonly number[]): Iterable<number> {
  for (let at = 1; at < ids.length; at += 1)
    if ((ids[at] as number) < (ids[at - 1] as number)) return Float64Array.from(ids).sort();
  return ids;
}

/** A set of ids that holds its runs: a look at a ledger with tens of thousands of ids would else spend its time on making sets. */
export class IdRuns {
  /** In order; no two of them touch. */
  readonly runs: readonly Run[];
  readonly size: number;

  constructor(runs: readonly Run[]) {
    const joined: [first: number, last: number][] = [];
    for (const [first, last] of runs.toSorted(([one], [other]) => one - other)) {
      const before = joined.at(-1);
      if (before && first <= before[1] + 1) before[1] = Math.max(before[1], last);
      else joined.push([first, last]);
    }
    this.runs = joined;
    this.size = joined.reduce((size, run) => size + lengthOf(run), 0);
  }

  has(id: number): boolean {
    let [from, to] = [0, this.runs.length];
    while (from < to) {
      const middle = (from + to) >> 1;
      const [first, last] = this.runs[middle] as Run;
      if (id < first) to = middle;
      else if (id > last) from = middle + 1;
      else return true;
    }
    return false;
  }
}

export const lengthOf = ([first, last]: Run): number => last - first + 1;
