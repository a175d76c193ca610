#!/usr/bin/env node
/**
 * Writes what runs have measured into the documents: `npm run bench:document -- bench/results/*.json`. Where several have the same
 * contestant on the same axis the first one tells; axes that none of them has stay as they are. The words around the tables are
 * a person's.
 */
import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { AXES } from './src/axes/index.js';
import { chart } from './src/report/chart.js';
import { keepRows, keepSections } from './src/report/kept.js';
import { measurements } from './src/report/measurements.js';
import { goalTable, overview, SHORT_NAMES, shortOverview } from './src/report/overview.js';
import { readRuns } from './src/report/runs.js';

const DRAWN = ['C1', 'C', 'A', 'B'];
const ROOT = join(dirname(fileURLToPath(import.meta.url)), '..');
const files = process.argv.slice(2);
if (files.length === 0)
  throw new Error('no JSON of a run was given: npm run bench:document -- bench/results/*.json');

const figures = readRuns(files);
const ids = AXES.map(({ id }) => id);
const pages = {
  'README.md': { short: (before) => keepRows(before, shortOverview(figures), SHORT_NAMES) },
  'docs/performance.md': {
    overview: (before) => keepRows(before, overview(figures), ids),
    goals: (before) => keepRows(before, goalTable(figures), ids),
  },
  'docs/measurements.md': { measurements: (before) => keepSections(before, measurements(figures), ids) },
};
for (const [page, parts] of Object.entries(pages)) {
  let text = readFileSync(join(ROOT, page), 'utf8');
  for (const [name, partOf] of Object.entries(parts)) text = replaced(text, name, partOf, page);
  writeFileSync(join(ROOT, page), text);
}
const drawn = DRAWN.flatMap((id) => wholeAxis(id) ?? []);
// A chart has all of them or stays as it was.
if (drawn.length === DRAWN.length) writeFileSync(join(ROOT, 'docs/bench/overview.svg'), chart(drawn));
else process.stdout.write(`docs/bench/overview.svg stays as it is: it draws ${DRAWN.join(', ')}\n`);
const { status } = spawnSync('npx', ['prettier', '--write', ...Object.keys(pages)], {
  cwd: ROOT,
  stdio: 'inherit',
});
process.exitCode = status ?? 1;

/** Between `<!-- bench: name -->` and `<!-- /bench -->`. */
function replaced(text, name, partOf, page) {
  const [before, rest] = text.split(`<!-- bench: ${name} -->`);
  if (rest === undefined) throw new Error(`${page} has no <!-- bench: ${name} -->`);
  const end = rest.indexOf('<!-- /bench -->');
  return `${before}<!-- bench: ${name} -->\n\n${partOf(rest.slice(0, end))}\n\n${rest.slice(end)}`;
}

/** One panel an axis, whatever the number of runs that it was taken in. */
function wholeAxis(id) {
  const parts = figures.filter((figure) => figure.id === id);
  return parts.length > 0 ? { ...parts[0], sides: parts.flatMap(({ sides }) => sides) } : undefined;
}
