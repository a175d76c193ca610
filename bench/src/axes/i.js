import { ours } from './contestants.js';
import { drainingOf } from './draining.js';
import { atLeast } from './rates.js';

const TYPES = Array.from({ length: 50 }, (_, index) => `bench-${index + 1}`);

/** @returns {import('./axis.js').Axis} */
const axis = (id, title, busyTypes) => ({
  id,
  group: 'I',
  title,
  unit: 'tasks/s',
  use: 'tuned',
  shareOf: 'G0',
  contestants: (database) => [ours(database)],
  rounds: (stand, scale) => drainingOf(stand, scale, { types: TYPES, busyTypes }),
  goals: (database) => [atLeast(0.85, ours(database), ours(database), 'G0')],
});

export default [
  axis('I1', '50 task types registered, one busy', TYPES.slice(0, 1)),
  axis('I50', '50 task types registered, all busy', TYPES),
];
