/**
 * What a side is: one product (or the hand-written loop) on the stores that it runs on. Each has a file here, which only the
 * process of that side imports.
 *
 * @typedef {object} Side
 * @property {string} name
 * @property {string} package whose version is told
 * @property {readonly string[]} stores
 * @property {Readonly<Record<string, readonly object[]>>} settings by kind of use ('default', 'tuned', …): candidates, in the
 * product's own words; where there are several, the fastest on this machine is found by trying
 * @property {number} [most] tasks of a turn, for a side so slow that more would only take longer
 * @property {(place: Place) => Promise<void>} prepare creates its tables
 * @property {(place: Place, handle: Handle) => Promise<Queue>} open
 *
 * @typedef {object} Place where and how a side works in one turn
 * @property {string} url of a database of its own
 * @property {string} store
 * @property {object} settings one of the candidates
 * @property {readonly string[]} types task types to register
 * @property {boolean} worker whether it is to redrive, or only adds
 * @property {string} library the folder whose `nestjs-redo` is meant
 *
 * @typedef {(params: object) => unknown} Handle what every handler does: counts, fails, waits, whatever the axis wants
 *
 * @typedef {object} Queue a side at work, in its own process; at rest until `go`
 * @property {(params: object, type?: string) => Promise<unknown>} add resolves when the task is stored
 * @property {(list: readonly object[], type?: string) => Promise<unknown>} [addAll] many in one call, if the product has such a call
 * @property {(params: object) => Promise<unknown>} [addInTransaction] in a transaction of the caller, which writes a row beside it
 * @property {(list: readonly object[]) => Promise<unknown>} [addWaiting] tasks that are due tomorrow
 * @property {(list: readonly object[]) => Promise<unknown>} [addDead] tasks that nobody will run again
 * @property {() => Promise<unknown>} go begins to take tasks
 * @property {() => Promise<unknown>} rest takes no more
 * @property {() => Promise<boolean>} left whether a due task is not settled yet
 * @property {() => Promise<number>} [handledCount] where handlers run in processes of the product's own
 * @property {() => Promise<unknown>} close
 */

/** A day from now, for tasks that wait. */
export const tomorrow = () => new Date(Date.now() + 86_400_000);
