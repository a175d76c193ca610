import { readFileSync } from 'node:fs';

/** What an earlier run has found to be the best settings, by its JSON. */
export class Tried {
  #axes;

  /** @param {string} [file] without it nothing has been tried */
  constructor(file) {
    this.#axes = file ? JSON.parse(readFileSync(file, 'utf8')).axes : [];
  }

  /** @returns {object | undefined} one of these candidates */
  best(trial, contestant, candidates) {
    const { sides = [] } = this.#axes.find(({ id }) => id === trial.id) ?? {};
    const found = sides.find(({ key }) => key === contestant.key);
    return candidates.find((one) => JSON.stringify(one) === JSON.stringify(found?.settings));
  }
}
