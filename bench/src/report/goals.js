import { round } from '../harness/progress.js';

/** What came of a goal; undefined if one of its sides did not take part. */
export function judge(goal, figure, figures) {
  const of = sideOf(figure, goal.of);
  const over =
    goal.over && sideOf(goal.axis ? figures.find(({ id }) => id === goal.axis) : figure, goal.over);
  if (!of || (goal.over && !over)) return undefined;
  const value = goal.detail ? of.details[goal.detail]?.median : of.value.median;
  const base = over ? Math.min(over.value.median, goal.cap ?? Infinity) : 1;
  const reached = value / base;
  const ok = goal.told ?? (goal.atLeast === undefined ? reached <= goal.atMost : reached >= goal.atLeast);
  return { ...goal, ofLabel: of.label, overLabel: over?.label, reached, ok };
}

const sideOf = (figure, key) => figure?.sides.find((side) => side.key === key);

/** What is to be reached. */
export function wanted({ atLeast, atMost, detail, cap, axis, ofLabel, overLabel }) {
  const base = overLabel
    ? ` × ${overLabel}${cap ? ` (${cap} at most)` : ''}${axis ? ` on ${axis}` : ''}`
    : '';
  return `${ofLabel}${detail ? `: ${detail}` : ''} ${atLeast === undefined ? `≤ ${atMost}` : `≥ ${atLeast}`}${base}`;
}

/** What came of it. */
export function inWords(goal) {
  const { told, ofLabel, overLabel, axis, detail, reached, ok } = goal;
  if (!told) return `${ok ? 'reached' : 'NOT REACHED'}: ${wanted(goal)}: ${round(reached)}`;
  const base = overLabel ? ` × ${overLabel}${axis ? ` on ${axis}` : ''}` : '';
  return `${ofLabel}${detail ? `: ${detail}` : ''}: ${round(reached)}${base}`;
}
