/**
 * What a page has said of axes that no run tells of this time stays; what a run tells of is new as a whole.
 *
 * @param {string} before the part of the page as it is
 * @param {string} part as the runs have it
 * @param {readonly string[]} order of the keys
 */
export function keepRows(before, part, order) {
  const [head, rule, ...rows] = linesOf(part);
  return [head, rule, ...merged(linesOf(before).slice(2), rows, order, keyOfRow)].join('\n');
}

/** The same for sections, each with a heading that begins with its key. */
export const keepSections = (before, part, order) =>
  merged(sectionsOf(before), sectionsOf(part), order, keyOfSection).join('\n\n');

function merged(before, now, order, keyOf) {
  const told = new Set(now.map(keyOf));
  const all = [...now, ...before.filter((one) => !told.has(keyOf(one)))];
  return all.sort((one, other) => order.indexOf(keyOf(one)) - order.indexOf(keyOf(other)));
}

const linesOf = (table) => table.split('\n').filter((line) => line.startsWith('|'));

/** Its first cell, as far as a colon. */
const keyOfRow = (row) => row.split('|')[1].split(':')[0].trim();

const sectionsOf = (page) =>
  page
    .split(/^(?=## )/m)
    .map((section) => section.trim())
    .filter(Boolean);

const keyOfSection = (section) => section.slice('## '.length).split(':')[0];
