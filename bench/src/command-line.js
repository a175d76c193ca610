import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { AXES, GROUPS } from './axes/index.js';
import { DATABASES } from './servers/index.js';

const OPTIONS = {
  database: { type: 'string', default: 'mariadb' },
  axis: { type: 'string', default: 'all' },
  runs: { type: 'string', default: '3' },
  repeats: { type: 'string', default: '2' },
  tasks: { type: 'string', default: '20000' },
  backlog: { type: 'string', default: '1000000' },
  'snapshot-minutes': { type: 'string', default: '10' },
  limit: { type: 'string', default: '30' },
  sides: { type: 'string', default: '' },
  tried: { type: 'string', default: '' },
  library: { type: 'string', multiple: true, default: [] },
  data: { type: 'string', default: '' },
  out: { type: 'string', default: '' },
  profile: { type: 'string', default: '' },
  help: { type: 'boolean', default: false },
};

export const HELP = `npm run bench -- [options]

  --database NAMES        ${DATABASES.join(', ')}, all; several with commas (default mariadb)
  --axis IDS              ${GROUPS.join(', ')}, all; several with commas (default all)
  --runs N                turns of each side (default 3)
  --repeats N             how often a turn that others disturbed is repeated at most (default 2)
  --tasks N               tasks of a turn (default 20000)
  --backlog N             tasks that are in the way on axis G, and that pass on axis K (default 1000000)
  --snapshot-minutes N    how long the snapshot of axis H stays open (default 10)
  --limit SECONDS         a slower side is stopped then, and what it has done is counted (default 30)
  --sides WORDS           only contestants whose key has one of these words, with commas (nestjs-redo, bullmq@redis-always, …)
  --tried FILE            an earlier run's JSON: settings that it has found best are not tried again
  --library FOLDER        a clone of this repository, built, to measure in place of this one; several: each takes part
  --data FOLDER           where the private servers keep their data; a real disk (default: the system's temporary folder)
  --out FOLDER            where the JSON and the charts go (default bench/results)
  --profile FOLDER        where each process of a side leaves a CPU profile (not those that try settings)
`;

/** @throws {Error} that names what was given and what is allowed */
export function readCommandLine(args) {
  const { values } = parseArgs({ args, options: OPTIONS, strict: true });
  const number = (name, least) => {
    const value = Number(values[name]);
    if (!(value >= least)) throw new Error(`--${name} ${values[name]}: a number from ${least} on is wanted`);
    return value;
  };
  return {
    help: values.help,
    databases: chosen('database', values.database, DATABASES),
    axes: axesOf(values.axis),
    runs: number('runs', 1),
    repeats: number('repeats', 0),
    scale: {
      tasks: number('tasks', 1_000),
      backlog: number('backlog', 0),
      snapshotMinutes: number('snapshot-minutes', 0),
      limit: number('limit', 1) * 1_000,
    },
    sides: values.sides.split(',').filter(Boolean),
    tried: values.tried,
    libraries: values.library,
    data: values.data,
    out: values.out,
    profile: values.profile && resolve(values.profile),
  };
}

function axesOf(given) {
  const ids = AXES.map(({ id }) => id);
  const names = chosen('axis', given, [...new Set([...GROUPS, ...ids])]);
  const isAsked = ({ id, group }) => names.includes(id) || names.includes(group);
  const bases = AXES.filter(isAsked).map(({ shareOf }) => shareOf);
  return AXES.filter((axis) => isAsked(axis) || bases.includes(axis.id));
}

function chosen(name, given, allowed) {
  if (given === 'all') return [...allowed];
  return given.split(',').map((each) => {
    const found = allowed.find((one) => one.toLowerCase() === each.trim().toLowerCase());
    if (!found) throw new Error(`--${name} ${each}: allowed are ${allowed.join(', ')}, all`);
    return found;
  });
}
