import TestSequencer from '@jest/test-sequencer';

type Tests = Parameters<TestSequencer['sort']>[0];

/** Jest takes the largest files first where it has not seen how long each takes, as on a new machine. These take longer than they look. */
const LONGEST = ['faults', 'processes', 'crash-points', 'broken-off', 'start', 'model', 'clocks', 'serve'];

/** So that none of them runs alone at the end, beside an idle core. CommonJS, for the types of its base class are. */
export default class LongestFirst extends TestSequencer {
  override async sort(tests: Tests): Promise<Tests> {
    const sorted = await super.sort(tests);
    return [...sorted].sort((one, other) => rank(one.path) - rank(other.path));
  }
}

const rank = (path: string): number => {
  const place = LONGEST.findIndex((name) => path.endsWith(`/${name}.spec.js`));
  return place < 0 ? LONGEST.length : place;
};
