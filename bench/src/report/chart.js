import { round } from '../harness/progress.js';

const WIDTH = 760;
const LEFT = 250;
const RIGHT = 90;
const BAR = 16;
const GAP = 8;
const TITLE = 34;

/** Light and dark pages alike: the picture carries its own colours for both. */
const STYLE = `
  text { font: 13px system-ui, sans-serif; fill: #1f2328 }
  .title { font-weight: 600 }
  .ours { fill: #1a7f37 } .peer { fill: #8c959f } .limit { fill: #d0d7de }
  .spread { stroke: #1f2328; stroke-width: 1.5 }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3 }
    .ours { fill: #3fb950 } .peer { fill: #6e7681 } .limit { fill: #30363d }
    .spread { stroke: #e6edf3 }
  }`;

/** One panel of bars an axis: the medians, and thin lines from the least to the greatest value. */
export function chart(figures) {
  let y = 0;
  const panels = figures.map((figure) => {
    const drawn = panel(figure, y);
    y += TITLE + figure.sides.length * (BAR + GAP) + GAP;
    return drawn;
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${y}" width="${WIDTH}" height="${y}" role="img">
<style>${STYLE}
</style>
${panels.join('\n')}
</svg>
`;
}

function panel({ id, title, unit, lowerIsBetter, sides }, top) {
  const most = Math.max(...sides.map(({ value }) => value.max), Number.MIN_VALUE);
  const x = (value) => LEFT + (value / most) * (WIDTH - LEFT - RIGHT);
  const note = lowerIsBetter ? `${unit}, less is better` : unit;
  const bars = sides.map(({ label, role, value }, index) => {
    const y = top + TITLE + index * (BAR + GAP);
    const middle = y + BAR / 2;
    return [
      `<text x="${LEFT - 8}" y="${middle + 4}" text-anchor="end">${escaped(label)}</text>`,
      `<rect class="${role}" x="${LEFT}" y="${y}" width="${number(x(value.median) - LEFT)}" height="${BAR}" rx="2"/>`,
      `<line class="spread" x1="${number(x(value.min))}" x2="${number(x(value.max))}" y1="${middle}" y2="${middle}"/>`,
      `<text x="${number(x(value.max) + 6)}" y="${middle + 4}">${round(value.median)}</text>`,
    ].join('\n');
  });
  return `<text class="title" x="8" y="${top + 22}">${escaped(`${id}: ${title} (${note})`)}</text>\n${bars.join('\n')}`;
}

const number = (value) => Math.round(value * 10) / 10;

const escaped = (text) => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
