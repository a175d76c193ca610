import { parseArgs } from 'node:util';
import { DATABASE_KINDS, type DatabaseKind } from '../support/test-run.js';

export interface Command {
  readonly databases: readonly DatabaseKind[];
  readonly minutes: number;
  readonly seed: number;
  /** The form that is part of CI: seconds for each database, no fault longer than a few of them. */
  readonly short: boolean;
  /** What is known of a run is kept in a file, as it is when a promise was broken. */
  readonly keep: boolean;
}

const USAGE = `usage: npm run chaos -- [--database ${DATABASE_KINDS.join('|')}] [--minutes 2] [--seed 7] [--short] [--keep]`;

/** @throws {Error} saying what was given and what is allowed */
export function commandOf(args: readonly string[], draw: () => number): Command {
  const { values } = parseArgs({
    args: [...args],
    options: {
      database: { type: 'string' },
      minutes: { type: 'string' },
      seed: { type: 'string' },
      short: { type: 'boolean', default: false },
      keep: { type: 'boolean', default: false },
    },
  });
  const { database, short, keep } = values;
  if (database !== undefined && !(DATABASE_KINDS as readonly string[]).includes(database))
    throw new Error(`--database ${database}: allowed are ${DATABASE_KINDS.join(', ')}\n${USAGE}`);
  if (short && values.minutes !== undefined) throw new Error(`--short has a length of its own\n${USAGE}`);
  return {
    databases: database === undefined ? DATABASE_KINDS : [database as DatabaseKind],
    minutes: short ? 0.3 : numberOf('minutes', values.minutes ?? '2', 0.1, 24 * 60),
    seed: values.seed === undefined ? draw() : numberOf('seed', values.seed, 0, 2 ** 31),
    short,
    keep,
  };
}

function numberOf(name: string, given: string, low: number, high: number): number {
  const number = Number(given);
  if (given.trim() === '' || !(number >= low && number <= high))
    throw new Error(`--${name} ${given}: allowed is a number from ${low} to ${high}\n${USAGE}`);
  return number;
}
