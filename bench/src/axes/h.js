import { setTimeout as pause } from 'node:timers/promises';
import { asOne, MEASURED, warmUp, WARM_UP } from '../harness/rounds.js';
import { openSnapshot } from '../servers/snapshot.js';
import { byHand, ours } from './contestants.js';
import { drainingBy } from './draining.js';
import { atLeast, rateOf } from './rates.js';

/** So many rounds of the usual number of tasks pass while the snapshot is open: 500,000. */
const ROUNDS = 25;
/**
 * These are spread over the time; those that follow warm up, and the last ones are measured, as on C: idle for 20 s before a round,
 * both sides on PostgreSQL drained a third slower without any snapshot.
 */
const SPREAD = ROUNDS - WARM_UP.rounds - MEASURED.rounds;

/** @type {import('./axis.js').Axis} */
export default {
  id: 'H',
  title: "drain, at the end of a long time with another session's snapshot open",
  unit: 'tasks/s',
  use: 'tuned',
  runs: 1,
  contestants: (database) => [ours(database), byHand(database)],
  async turn(stand, { tasks, limit, snapshotMinutes }) {
    const [worker] = await stand.open();
    const draining = drainingBy(worker, { tasks, limit });
    await warmUp(stand, draining);
    const snapshot = await openSnapshot(stand.contestant.store, stand.url);
    const openedAt = performance.now();
    const rounds = [];
    for (let round = 1; round <= ROUNDS; round += 1) {
      const next = openedAt + snapshotMinutes * 60_000 * Math.min(1, round / SPREAD);
      await pause(Math.max(1, next - performance.now()));
      await draining.before();
      rounds.push({ ...(await stand.measure([worker], draining.work)), repeats: 0 });
      await draining.after();
    }
    await snapshot.close();
    const rates = rounds.map(({ result }) => rateOf(result).value);
    return {
      ...asOne(rounds.slice(-MEASURED.rounds)),
      details: { 'first round': rates[0], slowest: Math.min(...rates), minutes: snapshotMinutes },
    };
  },
  goals: (database) => [atLeast(0.7, ours(database), ours(database), 'C')],
};
