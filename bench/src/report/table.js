import { round } from '../harness/progress.js';

/** One axis as Markdown. */
export function table({ id, title, unit, sides, goals, failures }) {
  const first = sides[0];
  const head = `### ${id}: ${title} (${unit})`;
  const failed = failures.map(({ label, failure }) => `- ${label} FAILED: ${failure.split('\n')[0]}`);
  if (!first) return [head, '', ...failed, ''].join('\n');
  const rows = [
    `| | median | min – max | × ${first.label} | CPU µs a task: client | server | RSS MiB |`,
    '|---|--:|--:|--:|--:|--:|--:|',
    ...sides.map((side) => {
      const ratio = side.value.median / first.value.median;
      const cells = [
        `${side.label}${side.disturbed > 0 ? ` (disturbed: ${side.disturbed})` : ''}`,
        round(side.value.median),
        `${round(side.value.min)} – ${round(side.value.max)}`,
        round(ratio),
        round(side.clientMicroseconds?.median),
        round(side.serverMicroseconds?.median),
        round(side.rssMiB?.median),
      ];
      return `| ${cells.join(' | ')} |`;
    }),
  ];
  const details = sides.flatMap(({ label, details: all }) =>
    Object.keys(all).length > 0
      ? [
          `- ${label}: ${Object.entries(all)
            .map(([name, { median }]) => `${name} ${round(median)}`)
            .join(', ')}`,
        ]
      : [],
  );
  const judged = goals.map((goal) => `- ${inWords(goal)}`);
  return [head, '', ...rows, '', ...details, ...judged, ...failed, ''].join('\n');
}

function inWords({ atLeast, atMost, told, detail, cap, axis, ofLabel, overLabel, reached, ok }) {
  const what = detail ? `${ofLabel}, ${detail}` : ofLabel;
  const base = overLabel
    ? ` × ${overLabel}${axis ? ` on ${axis}` : ''}${cap ? ` (${cap} at most)` : ''}`
    : '';
  if (told) return `${what}: ${round(reached)}${base}`;
  const wanted = atLeast === undefined ? `≤ ${atMost}` : `≥ ${atLeast}`;
  return `${ok ? 'reached' : 'NOT REACHED'}: ${what} ${wanted}${base}: ${round(reached)}`;
}
