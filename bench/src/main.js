import { mkdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { AXES } from './axes/index.js';
import { HELP, readCommandLine } from './command-line.js';
import { Contest } from './harness/contest.js';
import { Progress } from './harness/progress.js';
import { Tried } from './harness/tried.js';
import { BENCH, packLibrary } from './library.js';
import { describeMachine } from './machine.js';
import { report } from './report/report.js';
import { Servers } from './servers/index.js';
import { loadSide } from './sides/index.js';

const options = readCommandLine(process.argv.slice(2));
if (options.help) process.stdout.write(HELP);
else await bench(options);
process.exit();

async function bench({ databases, axes, runs, repeats, scale, sides, tried, libraries, data, out, profile }) {
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => process.exit(130));
  const packed = (libraries.length > 0 ? libraries : [join(BENCH, '..')]).map(packLibrary);
  const folder = out || join(BENCH, 'results');
  mkdirSync(folder, { recursive: true });
  const parts = axes.length === AXES.length ? [] : axes.map(({ group, id }) => group ?? id);
  const name = ['bench', ...databases, ...new Set(parts)].join('-');
  const servers = new Servers(data || tmpdir());
  for (const database of databases) await servers.get(database);
  const progress = new Progress();
  const contest = new Contest({
    servers,
    loadSide,
    scale,
    runs,
    repeats,
    progress,
    tried: new Tried(tried),
    profile,
  });
  const results = [];
  for (const compared of inComparison(axes)) {
    const events = compared
      .map((axis) => ({ axis, contestants: contestantsOf(axis, databases, sides, packed) }))
      .filter(({ contestants }) => contestants.length > 0);
    results.push(...(await contest.hold(events)));
    const machine = await describeMachine(servers, packed, loadSide, results);
    report({ machine, databases, scale, runs, results, latest: events.length, name, folder });
  }
  await servers.stop();
}

/** An axis, and with it those that are told as shares of it. */
function inComparison(axes) {
  const first = axes.filter(({ shareOf }) => !axes.some(({ id }) => id === shareOf));
  return first.map((axis) => [axis, ...axes.filter(({ shareOf }) => shareOf === axis.id)]);
}

/** Each once, though several databases may want the same peer; each of several libraries by itself. */
function contestantsOf(axis, databases, sides, packed) {
  const all = new Map();
  for (const each of databases.flatMap((database) => axis.contestants(database)))
    for (const one of each.role === 'peer' ? [each] : withLibrary(each, packed)) all.set(one.key, one);
  const wanted = ({ key }) => sides.length === 0 || sides.some((word) => key.includes(word));
  return [...all.values()].filter(wanted);
}

function withLibrary(contestant, packed) {
  if (contestant.role === 'limit' || packed.length === 1)
    return [{ ...contestant, library: packed[0].folder }];
  return packed.map(({ folder, name, commit }, index) => ({
    ...contestant,
    key: index === 0 ? contestant.key : `${contestant.key} (${name})`,
    label: `${contestant.label} (${name}, ${commit})`,
    library: folder,
  }));
}
