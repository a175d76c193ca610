/**
 * An axis: one kind of work, done by each contestant in turn.
 *
 * @typedef {object} Axis
 * @property {string} id
 * @property {string} [group] the letter of the table, where it is several axes
 * @property {string} title
 * @property {string} unit
 * @property {'default' | 'tuned' | 'many' | 'failing' | 'slow' | 'prompt' | 'promptElsewhere'} use which of the side's settings
 * @property {Axis} [trial] where candidates for the settings are tried; without it that is C
 * @property {boolean} [lowerIsBetter]
 * @property {(database: string) => import('./contestants.js').Contestant[]} contestants
 * @property {number} [runs] where one turn takes so long that there are no more
 * @property {string} [shareOf] the axis that its goals divide by: their rounds alternate
 * @property {(stand: import('../harness/stand.js').Stand, scale: Scale) => Promise<import('../harness/rounds.js').Work>} [rounds] what
 * is done in each round of a turn; each turn has fresh processes on a fresh database
 * @property {boolean} [atOnce] all sides take their turn at the same time, round by round: theirs are times of a few ms, each of which the
 * machine's own speed moves by a quarter within a minute
 * @property {(rounds: readonly import('../harness/rounds.js').Round[]) => number} [value] of a turn, where that is no rate
 * @property {(rounds: readonly import('../harness/rounds.js').Round[]) => Record<string, number>} [details] of a turn
 * @property {(stand: import('../harness/stand.js').Stand, scale: Scale) => Promise<Turn>} [turn] where a turn has no rounds
 * @property {(database: string) => import('./rates.js').Goal[]} goals
 *
 * @typedef {object} Scale how much work
 * @property {number} tasks
 * @property {number} limit ms after which a slow side is stopped and what it has done is counted
 * @property {number} backlog tasks in the way, or to pass
 * @property {number} snapshotMinutes
 *
 * @typedef {object} Turn
 * @property {number} value
 * @property {number} done tasks that the CPU time is divided by
 * @property {import('../harness/usage.js').Usage} usage
 * @property {Readonly<Record<string, number | string>>} [details]
 */

export {};
