import { bullmqAlways, byHand, graphileWorker, ours, peersOn } from './contestants.js';
import { drainingOf } from './draining.js';

/** @returns {import('./axis.js').Axis} */
const axis = ({ id, title, kind, peers }) => ({
  id,
  group: 'G',
  title,
  unit: 'tasks/s',
  use: 'tuned',
  contestants: (database) => [
    ours(database),
    byHand(database),
    ...[...peers, ...peersOn(database)].filter(({ side }) =>
      ['graphile-worker', 'serenis', 'bullmq'].includes(side),
    ),
  ],
  rounds: (stand, scale) => drainingOf(stand, scale, { inTheWay: kind }),
  goals: () => [],
});

/** What G and I are shares of: C once more, since whoever has been still while four others had their rounds drains more slowly. */
const beside = axis({
  id: 'G0',
  title: 'C, its rounds in turn with those of G and I',
  peers: [graphileWorker, bullmqAlways],
});

const inTheWay = (more) => ({
  ...axis(more),
  shareOf: beside.id,
  goals: (database) =>
    [ours(database), graphileWorker, bullmqAlways, ...peersOn(database)].map(({ key, role }) => ({
      ...(role === 'ours' ? { atLeast: 0.9 } : { told: true }),
      of: key,
      over: key,
      axis: beside.id,
    })),
});

export default [
  beside,
  inTheWay({
    id: 'Gw',
    title: 'drain, with a backlog that is not due yet in the way',
    kind: 'addWaiting',
    peers: [graphileWorker, bullmqAlways],
  }),
  inTheWay({
    id: 'Gd',
    title: 'drain, with a backlog of dead tasks in the way',
    kind: 'addDead',
    peers: [graphileWorker],
  }),
];
