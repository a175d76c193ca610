import { beginner, runLane } from './loop.js';

const TUNED = [
  { batch: 500, lanes: 1 },
  { batch: 500, lanes: 2 },
  { batch: 1_000, lanes: 2 },
  { batch: 2_000, lanes: 2 },
  { batch: 4_000, lanes: 2 },
  { batch: 5_000, lanes: 2 },
];

/**
 * A bare driver as a side: its INSERTs, and the hand-written loop.
 *
 * @returns {import('../side.js').Side}
 */
export const handWritten = ({ connect, ...side }) => ({
  ...side,
  settings: {
    prompt: [{ prompt: true }],
    // As the library asks by default.
    promptElsewhere: [{ batch: 100, lanes: 1, interval: 1_000 }],
    default: [{ batch: 100, lanes: 1 }],
    tuned: TUNED,
    failing: TUNED,
    // What each has in hand, all others have to look past.
    many: [200, 400, 1_000, 2_000].flatMap((batch) => [1, 2].map((lanes) => ({ batch, lanes }))),
  },

  async open(place, handle) {
    const driver = await connect(place);
    const [type] = place.types;
    let working = [];
    let stopping = new AbortController();
    let claiming = Promise.resolve();
    const inTurn = (does) => {
      const done = claiming.then(does);
      claiming = done.catch(() => {});
      return done;
    };
    const lone = place.settings.prompt && beginner(await driver.ledger(type), handle);
    return {
      add: (params) => (lone ? lone.add(params) : driver.add(params, type)),
      addAll: (list) => driver.addAll(list, type),
      addInTransaction: (params) => driver.addInTransaction(params, type),
      async go() {
        stopping = new AbortController();
        if (lone) return;
        const lanes = { signal: stopping.signal, inTurn };
        for (let lane = 0; lane < place.settings.lanes; lane += 1)
          working.push(runLane(await driver.ledger(type), place.settings, handle, lanes));
      },
      async rest() {
        stopping.abort();
        await Promise.all(working);
        working = [];
      },
      left: () => driver.left(type),
      async close() {
        stopping.abort();
        await Promise.all(working);
        await lone?.leave();
        await driver.close();
      },
    };
  },
});
