import { byHand, ours } from './contestants.js';
import { atLeast, rateOf } from './rates.js';

/** One caller waits for every task: a fifth of the tasks is enough. */
const SHARE = 0.2;

const axis = (id, title, operation) => ({
  id,
  group: 'A1',
  title,
  unit: 'tasks/s',
  use: 'default',
  contestants: (database) => [ours(database), byHand(database)],
  async turn(stand, { tasks, limit }) {
    const [producer] = await stand.open({ worker: false });
    const add = (some) => producer.do(operation, { tasks: some, callers: 1, limit });
    await add(tasks * SHARE * SHARE);
    const { result, usage } = await stand.measure([producer], () => add(tasks * SHARE));
    return { ...rateOf(result), usage };
  },
  goals: (database) => [atLeast(0.8, ours(database), byHand(database))],
});

/** @type {readonly import('./axis.js').Axis[]} */
export default [
  axis('A1', 'add one by one, one caller', 'addOneByOne'),
  axis('A1t', "add inside a caller's transaction, one caller", 'addInTransactions'),
];
