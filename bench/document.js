#!/usr/bin/env node
/**
 * Writes what runs have measured into the documents: `npm run bench:document -- bench/results/*.json`. Where several have the same
 * contestant on the same axis the first one tells. The words around the tables are a person's.
 */
import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { chart } from './src/report/chart.js';
import { measurements } from './src/report/measurements.js';
import { goalTable, overview, shortOverview } from './src/report/overview.js';
import { readRuns } from './src/report/runs.js';

const ROOT = join(dirname(fileURLToPath(import.meta.url)), '..');
const files = process.argv.slice(2);
if (files.length === 0)
  throw new Error('no JSON of a run was given: npm run bench:document -- bench/results/*.json');

const figures = readRuns(files);
const pages = {
  'README.md': { short: shortOverview(figures) },
  'docs/performance.md': { overview: overview(figures), goals: goalTable(figures) },
  'docs/measurements.md': { measurements: measurements(figures) },
};
for (const [page, parts] of Object.entries(pages)) {
  let text = readFileSync(join(ROOT, page), 'utf8');
  for (const [name, part] of Object.entries(parts)) text = replaced(text, name, part, page);
  writeFileSync(join(ROOT, page), text);
}
const drawn = ['C1', 'C', 'A', 'B'].flatMap((id) => wholeAxis(id) ?? []);
writeFileSync(join(ROOT, 'docs/bench/overview.svg'), chart(drawn));
const { status } = spawnSync('npx', ['prettier', '--write', ...Object.keys(pages)], {
  cwd: ROOT,
  stdio: 'inherit',
});
process.exitCode = status ?? 1;

/** Between `<!-- bench: name -->` and `<!-- /bench -->`. */
function replaced(text, name, part, page) {
  const [before, rest] = text.split(`<!-- bench: ${name} -->`);
  if (rest === undefined) throw new Error(`${page} has no <!-- bench: ${name} -->`);
  const end = rest.indexOf('<!-- /bench -->');
  return `${before}<!-- bench: ${name} -->\n\n${part}\n\n${rest.slice(end)}`;
}

/** One panel an axis, whatever the number of runs that it was taken in. */
function wholeAxis(id) {
  const parts = figures.filter((figure) => figure.id === id);
  return parts.length > 0 ? { ...parts[0], sides: parts.flatMap(({ sides }) => sides) } : undefined;
}
