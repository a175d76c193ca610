import { round } from '../harness/progress.js';
import { wanted } from './goals.js';

/** Axis → how the page calls it. */
const ROWS = {
  C: 'drain, tuned',
  C1: 'drain, default options',
  A: 'add one by one, 50 callers at once',
  A1: 'add one by one, one caller',
  A1t: 'add inside a caller’s transaction',
  B: 'add in bulk, 1,000 a call',
  D1: 'drain, 1 process',
  D2: 'drain, 2 processes',
  D4: 'drain, 4 processes',
  D8: 'drain, 8 processes',
  E1: 'idle pick-up, same process, ms',
  E2: 'idle pick-up, another process, ms',
  F: 'every task fails once, 1 ms back-off',
  G0: 'C, in turn with G and I',
  Gw: 'G0 with 1,000,000 waiting',
  Gd: 'G0 with 1,000,000 dead',
  H: 'C after 10 min under a snapshot',
  I1: 'G0 with 50 types, one busy',
  I50: 'G0 with 50 types, all busy',
  J: 'idle: statements a second',
  K: '1,000,000 through, tuned: RSS ÷ RSS at 50,000',
  K1: 'the same, default options',
  L: 'handlers of 100 ms, 500 at once',
};

/** Contestant → its column. */
const COLUMNS = {
  'nestjs-redo@mariadb': 'nestjs-redo: MariaDB',
  'nestjs-redo@mysql': 'MySQL',
  'nestjs-redo@postgres': 'PostgreSQL',
  'graphile-worker@postgres': 'graphile-worker (PostgreSQL)',
  'pg-boss@postgres': 'pg-boss (PostgreSQL)',
  'bullmq@redis-always': 'BullMQ (Redis, fsync always)',
  'serenis@mariadb': 'serenis (MariaDB)',
  'by-hand-mysql@mariadb': 'by hand: MariaDB',
  'by-hand-mysql@mysql': 'MySQL',
  'by-hand-postgres@postgres': 'PostgreSQL',
};

/** Every axis and the sides that matter most: the medians. */
export function overview(figures) {
  const ids = Object.keys(ROWS).filter((id) => figures.some((figure) => figure.id === id));
  return table(figures, ids, COLUMNS, (id) => `${id}: ${ROWS[id]}`);
}

const SHORT_ROWS = ['C1', 'C', 'A', 'B', 'F', 'Gw', 'L'];

const SHORT_COLUMNS = {
  'nestjs-redo@mariadb': 'MariaDB',
  'nestjs-redo@mysql': 'MySQL',
  'nestjs-redo@postgres': 'PostgreSQL',
  'bullmq@redis-always': 'BullMQ, Redis',
  'graphile-worker@postgres': 'graphile-worker',
  'by-hand-mysql@mariadb': 'by hand, MariaDB',
};

const SHORT_NAME_OF = { ...ROWS, Gw: 'drain, 1,000,000 others waiting' };
export const SHORT_NAMES = SHORT_ROWS.map((id) => SHORT_NAME_OF[id]);

/** The same for somebody who has half a minute. */
export function shortOverview(figures) {
  const ids = SHORT_ROWS.filter((id) => figures.some((figure) => figure.id === id));
  return table(figures, ids, SHORT_COLUMNS, (id) => SHORT_NAME_OF[id], 'tasks a second');
}

function table(figures, ids, columns, nameOf, corner = '') {
  const cell = (id, key) => {
    const sides = figures.filter((figure) => figure.id === id).flatMap((figure) => figure.sides);
    const found = sides.find((side) => side.key === key);
    return found ? round(found.value.median) : '';
  };
  const row = (cells) => `| ${cells.join(' | ')} |`;
  const keys = Object.keys(columns);
  return [
    row([corner, ...Object.values(columns)]),
    row(['---', ...keys.map(() => '--:')]),
    ...ids.map((id) => row([nameOf(id), ...keys.map((key) => cell(id, key))])),
  ].join('\n');
}

/** What was to be reached, and what was; bold: it was not. */
export function goalTable(figures) {
  const rows = figures.flatMap(({ id, goals }) =>
    goals
      .filter(({ told }) => !told)
      .map((goal) => {
        const reached = round(goal.reached);
        return `| ${id} | ${wanted(goal)} | ${goal.ok ? reached : `**${reached}**`} |`;
      }),
  );
  return ['| axis | goal | reached |', '| --- | --- | --: |', ...rows].join('\n');
}
