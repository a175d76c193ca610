import { detailLines, sideTable } from './table.js';

/** The full tables, one a run and axis. */
export const measurements = (figures) => figures.map(section).join('\n\n');

function section({ id, title, unit, commit, sides }) {
  const details = detailLines(sides);
  return [
    `## ${id}: ${title} (${unit})`,
    `At ${commit}.`,
    sideTable(sides),
    [...details, ...settingsLine(sides)].join('\n'),
  ]
    .filter(Boolean)
    .join('\n\n');
}

function settingsLine(sides) {
  const set = sides.filter(({ settings }) => settings && Object.keys(settings).length > 0);
  if (set.length === 0) return [];
  return [
    `- settings: ${set.map((side) => `${side.label} \`${JSON.stringify(side.settings)}\``).join('; ')}`,
  ];
}
