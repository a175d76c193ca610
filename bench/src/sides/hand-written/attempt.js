import { hostname } from 'node:os';

/**
 * A task in hand, by the mark that its ledger row carries.
 *
 * @typedef {{ id: number, before: number }} Mark `before`: its `exec_times` before this attempt
 * @typedef {Mark & { errors?: string }} Ended an attempt that is over; with errors it failed, and they are what the row is to keep
 */

/** A handler that hangs is given up after this, ms. */
const TIMEOUT = 60_000;
/** As many as the library keeps. */
const STACK_LINES = 6;
const MOST_ERRORS = 10;

/** The database's clock, as ms to add to this process's monotonic one. */
export const offsetOf = (now) => now - performance.now();

/**
 * @param {Mark & { known?: string | null }} task `known`: the errors of earlier attempts, as the row has them
 * @param {() => unknown} run
 * @param {number} offset of the database's clock
 * @returns {Promise<Ended>}
 */
export const attempt = ({ id, before, known }, run, offset) =>
  within(TIMEOUT, run).then(
    () => ({ id, before }),
    (error) => ({ id, before, errors: withError(known, storedError(before + 1, error, offset)) }),
  );

function within(ms, run) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error('the handler took too long')), ms);
    Promise.resolve()
      .then(run)
      .finally(() => clearTimeout(timer))
      .then(resolve, reject);
  });
}

const storedError = (number, { message, stack }, offset) => ({
  attempt: number,
  message,
  stack: stack.split('\n').slice(0, STACK_LINES).join('\n'),
  time: Math.round(offset + performance.now()),
  host: HOST,
});

const HOST = hostname();

const withError = (known, error) => JSON.stringify([...JSON.parse(known ?? '[]'), error].slice(-MOST_ERRORS));
