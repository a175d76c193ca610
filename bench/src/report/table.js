import { round } from '../harness/progress.js';

/** One axis as Markdown. */
export function table({ id, title, unit, sides, goals, lowerIsBetter }) {
  const first = sides[0];
  const head = `### ${id}: ${title} (${unit})`;
  const rows = [
    `| | median | min – max | × ${first.label} | CPU µs a task: client | server | RSS MiB |`,
    '|---|--:|--:|--:|--:|--:|--:|',
    ...sides.map((side) => {
      const ratio = lowerIsBetter
        ? side.value.median / first.value.median
        : side.value.median / first.value.median;
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
  const judged = goals.map(({ atLeast, atMost, ofLabel, overLabel, reached, ok }) => {
    const wanted = atLeast === undefined ? `≤ ${atMost}` : `≥ ${atLeast}`;
    return `- ${ok ? 'reached' : 'NOT REACHED'}: ${ofLabel} ${wanted}${overLabel ? ` × ${overLabel}` : ''}: ${round(reached)}`;
  });
  return [head, '', ...rows, '', ...details, ...judged, ''].join('\n');
}
