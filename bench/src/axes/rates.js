/** What came of a piece of work, per second. */
export const rateOf = ({ done, ms }) => ({ value: (done / ms) * 1_000, done });

/**
 * A goal: the median of one contestant at least (or at most) so many times that of another.
 *
 * @typedef {object} Goal
 * @property {number} [atLeast]
 * @property {number} [atMost]
 * @property {true} [told] neither: how a peer does, told beside it
 * @property {string} of key of a contestant
 * @property {string} [detail] one of its details is meant, not its value
 * @property {string} [over] key; without it the value itself is meant
 * @property {string} [axis] where `over` is measured, if not on the same axis
 * @property {number} [cap] what `over` counts as at most
 */
export const atLeast = (times, of, over, axis) => ({ atLeast: times, of: of.key, over: over.key, axis });
export const atMost = (times, of, over, axis) => ({ atMost: times, of: of.key, over: over.key, axis });
