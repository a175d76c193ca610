/**
 * An axis: one kind of work, done by each contestant in turn.
 *
 * @typedef {object} Axis
 * @property {string} id
 * @property {string} title
 * @property {string} unit
 * @property {'default' | 'tuned' | 'failing' | 'slow' | 'prompt'} use which of the side's settings
 * @property {boolean} [lowerIsBetter]
 * @property {(database: string) => import('./contestants.js').Contestant[]} contestants
 * @property {(stand: import('../harness/stand.js').Stand, scale: Scale) => Promise<Turn>} turn one measurement
 * @property {(database: string) => import('./rates.js').Goal[]} goals
 *
 * @typedef {object} Scale how much work
 * @property {number} tasks
 * @property {number} limit ms after which a slow side is stopped and what it has done is counted
 * @property {number} backlog
 * @property {number} snapshotMinutes
 *
 * @typedef {object} Turn
 * @property {number} value
 * @property {number} done tasks that the CPU time is divided by
 * @property {import('../harness/usage.js').Usage} usage
 * @property {Readonly<Record<string, number | string>>} [details]
 */

export {};
