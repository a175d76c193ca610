import { setTimeout as pause } from 'node:timers/promises';
import { WARM_UP } from '../harness/rounds.js';
import { byHand, graphileWorker, ours } from './contestants.js';
import { atLeast } from './rates.js';

/** ms */
const LONGEST_WARM_UP = 20_000;

/** @returns {import('./axis.js').Axis} */
const axis = (count) => ({
  id: `D${count}`,
  group: 'D',
  title: count === 1 ? 'drain, 1 process, looked at from outside' : `drain, ${count} processes`,
  unit: 'tasks/s',
  use: 'many',
  ...(count > 1 && { shareOf: 'D1' }),
  contestants: (database) => [ours(database), byHand(database), graphileWorker],
  async rounds(stand, { tasks, limit }) {
    const processes = await stand.open({ count });
    // Twice as many, so that several processes have something to do.
    const some = 2 * tasks;
    return {
      processes,
      before: () => processes[0].do('fill', { tasks: some }),
      work: () => together(processes, some, limit),
      after: () => Promise.all(processes.map((one) => one.do('rest'))),
      // Each process is to be as warm as one alone is on C, where a round is half of this.
      warmUp: { rounds: Math.ceil((WARM_UP.rounds * count) / 2), longest: LONGEST_WARM_UP },
    };
  },
  details: (rounds) => ({ 'smallest share': Math.min(...rounds.map(({ result }) => result.smallestShare)) }),
  goals: (database) => [
    ...(count === 1 ? [] : [atLeast(0.9, ours(database), ours(database), 'D1')]),
    ...(count === 4 ? [atLeast(1.3, ours(database), graphileWorker)] : []),
  ],
});

/** Settings are tried with several processes: what is best for one alone leaves too little for the others. */
const four = axis(4);
export default [axis(1), axis(2), four, axis(8)].map((one) => ({ ...one, trial: four }));

/** From the first handler's begin in any process until everything is settled. */
async function together(workers, tasks, limit) {
  const giveUpAt = performance.now() + limit;
  await Promise.all(workers.map((one) => one.do('go')));
  const start = performance.now();
  let all;
  let done = 0;
  do {
    await pause(untilNextLook(performance.now() - start, done, tasks));
    all = await Promise.all(workers.map((one) => one.do('handled')));
    done = sum(all);
  } while (done < tasks && performance.now() < giveUpAt);
  if (done >= tasks) while (await workers[0].do('left')) await pause(3);
  const begun = all.map((one) => one.firstAt).filter((at) => at > 0n);
  if (begun.length === 0) throw new Error(`no task has begun within ${limit / 1_000} s`);
  const firstAt = begun.reduce((one, other) => (one < other ? one : other));
  const smallestShare = Math.min(...all.map(({ done }) => done)) / done;
  return { done, ms: Number(process.hrtime.bigint() - firstAt) / 1e6, smallestShare };
}

/**
 * Half of the time that the rest will take, as it has gone so far: whoever is asked has to answer, which is work as well. On MariaDB
 * eight processes drained 62 and 78 thousand a second when they were asked every 5 ms, 83 and 79 so, turn about.
 */
const untilNextLook = (ms, done, tasks) =>
  done === 0 ? FIRST_LOOK : Math.min(LONGEST_LOOK, Math.max(SHORTEST_LOOK, (ms * (tasks - done)) / done / 2));

/** ms */
const FIRST_LOOK = 20;
const SHORTEST_LOOK = 5;
const LONGEST_LOOK = 1_000;

const sum = (all) => all.reduce((total, { done }) => total + done, 0);
