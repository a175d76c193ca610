import { runLane } from './loop.js';

/**
 * A bare driver as a side: its INSERTs, and the hand-written loop.
 *
 * @returns {import('../side.js').Side}
 */
export const handWritten = ({ connect, ...side }) => ({
  ...side,
  settings: {
    default: [{ batch: 100, lanes: 1 }],
    tuned: [
      { batch: 500, lanes: 1 },
      { batch: 500, lanes: 2 },
      { batch: 1_000, lanes: 2 },
      { batch: 2_000, lanes: 2 },
    ],
  },

  async open(place, handle) {
    const driver = connect(place);
    const [type] = place.types;
    let working = [];
    let stopping = new AbortController();
    return {
      add: (params) => driver.add(params, type),
      addAll: (list) => driver.addAll(list, type),
      addInTransaction: (params) => driver.addInTransaction(params, type),
      async go() {
        stopping = new AbortController();
        for (let lane = 0; lane < place.settings.lanes; lane += 1)
          working.push(runLane(await driver.ledger(type), place.settings, handle, stopping.signal));
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
        await driver.close();
      },
    };
  },
});
