import { bullmqAlways, byHand, graphileWorker, ours, peersOn } from './contestants.js';
import { measuredRounds } from './measured-rounds.js';

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
  /** Once for all turns: what is in the way stays. */
  async prepare(stand, { tasks, backlog }) {
    const [worker] = await stand.open();
    await worker.do('fill', { tasks: backlog, kind });
    await worker.do('warmUp', { tasks, limit: 20_000 });
    return worker;
  },
  turn: (stand, { tasks, limit }, worker) =>
    measuredRounds(async () => {
      await worker.do('fill', { tasks });
      const round = await stand.measure([worker], () => worker.do('drain', { tasks, limit }));
      await worker.do('rest');
      return round;
    }),
  goals: (database) =>
    [ours(database), graphileWorker, bullmqAlways, ...peersOn(database)].map(({ key, role }) => ({
      ...(role === 'ours' ? { atLeast: 0.9 } : { told: true }),
      of: key,
      over: key,
      axis: 'C',
    })),
});

export default [
  axis({
    id: 'Gw',
    title: 'drain, with a backlog that is not due yet in the way',
    kind: 'addWaiting',
    peers: [graphileWorker, bullmqAlways],
  }),
  axis({
    id: 'Gd',
    title: 'drain, with a backlog of dead tasks in the way',
    kind: 'addDead',
    peers: [graphileWorker],
  }),
];
