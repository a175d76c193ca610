/** Ids that follow one another: the first and the last of them. */
export type Run = readonly [first: number, last: number];

/** What was added together has ids in a row, and falls due together: thousands of ids are often few runs. */
export function runsOf(ids: ArrayLike<number>): Run[] {
  const runs: [first: number, last: number][] = [];
  let run: [first: number, last: number] = [NaN, NaN];
  for (let at = 0; at < ids.length; at += 1) {
    const id = ids[at] as number;
    // Seldom, since what was claimed is mostly in order; numbers of one kind are sorted as such, without a call for each pair.
    if (id < run[1]) return runsOf(Float64Array.from(ids).sort());
    if (id === run[1] + 1) run[1] = id;
    else runs.push((run = [id, id]));
  }
  return runs;
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
    let from = 0;
    let to = this.runs.length;
    while (from < to) {
      const middle = (from + to) >> 1;
      const run = this.runs[middle] as Run;
      if (id < run[0]) to = middle;
      else if (id > run[1]) from = middle + 1;
      else return true;
    }
    return false;
  }
}

export const lengthOf = ([first, last]: Run): number => last - first + 1;
