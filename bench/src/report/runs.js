import { readFileSync } from 'node:fs';
import { AXES } from '../axes/index.js';

/**
 * What the JSONs of several runs say, in the order of the axes; the first run that has a contestant on an axis tells of it.
 * Goals stay with the run that they were judged in.
 *
 * @param {readonly string[]} files
 */
export function readRuns(files) {
  const runs = files.map((file) => JSON.parse(readFileSync(file, 'utf8')));
  const told = new Set();
  const isNew = (id, key) => !told.has(`${id} ${key}`) && told.add(`${id} ${key}`);
  const figures = runs.flatMap(({ machine, axes }) =>
    axes.map((figure) => {
      const sides = figure.sides.filter(({ key }) => isNew(figure.id, key));
      const goals = figure.goals.filter(({ of }) => sides.some(({ key }) => key === of));
      return { ...figure, commit: commitOf(machine), sides, goals };
    }),
  );
  const rank = ({ id }) => AXES.findIndex((axis) => axis.id === id);
  return figures.filter(({ sides }) => sides.length > 0).sort((one, other) => rank(one) - rank(other));
}

const commitOf = ({ library: [name] }) => /, (\w+)\)$/.exec(name)[1];
