import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { spread } from '../harness/statistics.js';
import { chart } from './chart.js';
import { judge } from './goals.js';
import { table } from './table.js';

/** The axes of the chart that the README shows. */
const OVERVIEW = ['C', 'C1', 'A', 'B'];

/** After every axis and those that are compared with it, so that a run that is broken off leaves what it had. */
export function report({ machine, databases, scale, runs, results, latest, name, folder }) {
  const figures = results.map(({ axis, entries }) => ({
    id: axis.id,
    title: axis.title,
    unit: axis.unit,
    lowerIsBetter: axis.lowerIsBetter ?? false,
    sides: entries.filter(({ runs: taken }) => taken.length > 0).map(figuresOf),
    failures: entries
      .filter(({ failure }) => failure !== undefined)
      .map(({ contestant, failure }) => ({ key: contestant.key, label: contestant.label, failure })),
    goals: distinct(databases.flatMap((database) => axis.goals(database))),
  }));
  for (const figure of figures)
    figure.goals = figure.goals.flatMap((goal) => judge(goal, figure, figures) ?? []);
  writeFileSync(
    join(folder, `${name}.json`),
    `${JSON.stringify({ machine, scale, runs, axes: figures }, null, 2)}\n`,
  );
  const news = figures.slice(figures.length - latest);
  for (const figure of news)
    writeFileSync(join(folder, ['bench', ...databases, figure.id].join('-') + '.svg'), chart([figure]));
  const shown = figures.filter(({ id }) => OVERVIEW.includes(id));
  if (shown.length > 1) writeFileSync(join(folder, `${name}.svg`), chart(shown));
  for (const figure of news) process.stdout.write(`\n${table(figure)}\n`);
}

/** Several databases may tell of the same peer. */
const distinct = (goals) => [...new Map(goals.map((goal) => [JSON.stringify(goal), goal])).values()];

function figuresOf({ contestant, settings, runs }) {
  const perTask = (ms, done) => (ms === undefined ? undefined : (ms * 1_000) / Math.max(1, done));
  const all = (of) => {
    const values = runs.map(of).filter((value) => Number.isFinite(value));
    return values.length > 0 ? spread(values) : undefined;
  };
  const detailNames = [...new Set(runs.flatMap(({ details }) => Object.keys(details ?? {})))];
  const details = detailNames.map((name) => [name, all((run) => run.details?.[name])]);
  return {
    key: contestant.key,
    label: contestant.label,
    role: contestant.role,
    settings,
    value: all(({ value }) => value),
    clientMicroseconds: all(({ usage, done }) => perTask(usage.client, done)),
    serverMicroseconds: all(({ usage, done }) => perTask(usage.server, done)),
    rssMiB: all(({ usage }) => usage.rss / 2 ** 20),
    othersShare: all(({ usage }) => usage.others),
    details: Object.fromEntries(details.filter(([, found]) => found !== undefined)),
    disturbed: runs.filter(({ disturbed }) => disturbed).length,
    values: runs.map(({ value }) => value),
  };
}
