/** What came of a piece of work, per second. */
export const rateOf = ({ done, ms }) => ({ value: (done / ms) * 1_000, done });

/**
 * A goal: the median of one contestant at least so many times that of another.
 *
 * @typedef {object} Goal
 * @property {number} [atLeast]
 * @property {number} [atMost]
 * @property {string} of key
 * @property {string} [over] key; without it the value itself is meant
 * @property {string} [axis] where `over` is measured, if not on the same axis
 */
export const atLeast = (times, of, over, axis) => ({ atLeast: times, of: of.key, over: over.key, axis });
export const atMost = (times, of, over, axis) => ({ atMost: times, of: of.key, over: over.key, axis });
