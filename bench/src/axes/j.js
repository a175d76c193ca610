import { setTimeout as pause } from 'node:timers/promises';
import { bullmqAlways, graphileWorker, ours, peersOn, pgBoss } from './contestants.js';

/** How long it is left alone before it is looked at, and how long it is looked at, ms. */
const SETTLE = 3_000;
const LOOK = 20_000;

/** @type {import('./axis.js').Axis} */
export default {
  id: 'J',
  title: 'idle instance',
  unit: 'statements/s',
  lowerIsBetter: true,
  use: 'default',
  contestants: (database) => [
    ours(database),
    graphileWorker,
    pgBoss,
    bullmqAlways,
    ...peersOn(database).filter(({ side }) => side !== 'graphile-worker' && side !== 'pg-boss'),
  ],
  async turn(stand) {
    const [worker] = await stand.open();
    await worker.do('go');
    await pause(SETTLE);
    const { result, usage } = await stand.measure([worker], () => stand.statementsDuring(() => pause(LOOK)));
    if (result.statements === 0)
      throw new Error('the server tells of no statement: even an idle instance sends some');
    const share = (ms) => (100 * (ms ?? 0)) / usage.ms;
    return {
      value: result.statements / (LOOK / 1_000),
      done: result.statements,
      usage,
      details: {
        'reads/s': result.reads / (LOOK / 1_000),
        'locking reads/s': result.locking / (LOOK / 1_000),
        'other statements/s': result.others / (LOOK / 1_000),
        'client, % of a core': share(usage.client),
        'server, % of a core': share(usage.server),
      },
    };
  },
  // The interval is a second: a look a tick, one more or less in the time. The others renew the lease, every third of it.
  goals: (database) => {
    const of = ours(database).key;
    return [
      { atMost: 1.05, of, detail: 'reads/s' },
      { atMost: 0, of, detail: 'locking reads/s' },
      { atMost: 0.5, of, detail: 'client, % of a core' },
    ];
  },
};
