import { addingOf } from './adding.js';
import { byHand, ours } from './contestants.js';
import { atLeast } from './rates.js';

/** One caller waits for every task: a fifth of the tasks is enough. */
const SHARE = 0.2;

const axis = (id, title, operation) => ({
  id,
  group: 'A1',
  title,
  unit: 'tasks/s',
  use: 'default',
  contestants: (database) => [ours(database), byHand(database)],
  rounds: (stand, { tasks, limit }) =>
    addingOf(stand, operation, { tasks: tasks * SHARE, callers: 1, limit }),
  goals: (database) => [atLeast(0.8, ours(database), byHand(database))],
});

/** @type {readonly import('./axis.js').Axis[]} */
export default [
  axis('A1', 'add one by one, one caller', 'addOneByOne'),
  axis('A1t', "add inside a caller's transaction, one caller", 'addInTransactions'),
];
