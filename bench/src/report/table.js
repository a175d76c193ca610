import { round } from '../harness/progress.js';
import { inWords } from './goals.js';

/** One axis as Markdown. */
export function table({ id, title, unit, sides, goals, failures }) {
  const first = sides[0];
  const head = `### ${id}: ${title} (${unit})`;
  const failed = failures.map(({ label, failure }) => `- ${label} FAILED: ${failure.split('\n')[0]}`);
  if (!first) return [head, '', ...failed, ''].join('\n');
  const judged = goals.map((goal) => `- ${inWords(goal)}`);
  return [head, '', sideTable(sides), '', ...detailLines(sides), ...judged, ...failed, ''].join('\n');
}

/** The sides of an axis; ratios are to the first. */
export function sideTable(sides) {
  const [first] = sides;
  return [
    `| | median | least – greatest | × ${first.label} | CPU µs a task: client | server | RSS MiB |`,
    '|---|--:|--:|--:|--:|--:|--:|',
    ...sides.map((side) => {
      const ratio = side.value.median / first.value.median;
      const cells = [
        `${side.label}${side.disturbed > 0 ? ` (disturbed: ${side.disturbed} of ${side.values.length})` : ''}`,
        round(side.value.median),
        `${round(side.value.min)} – ${round(side.value.max)}`,
        round(ratio),
        round(side.clientMicroseconds?.median),
        round(side.serverMicroseconds?.median),
        round(side.rssMiB?.median),
      ];
      return `| ${cells.join(' | ')} |`;
    }),
  ].join('\n');
}

/** What else was measured of a side. */
export function detailLines(sides) {
  return sides
    .filter(({ details }) => Object.keys(details).length > 0)
    .map(({ label, details }) => {
      const named = Object.entries(details).map(([name, { median }]) => `${name} ${round(median)}`);
      return `- ${label}: ${named.join(', ')}`;
    });
}
