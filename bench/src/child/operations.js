/** What the harness can ask of a side's process. Each is measured here, where it happens. */
export { addInBulk, addInTransactions, addOneByOne, fill } from './adding.js';
export { drain, go, rest } from './draining.js';
export { handled, idle, left, memory } from './looking.js';
export { addStamped, addStampedEvenly, stampPickUps, pickUps } from './latency.js';
export { failOnce } from './failing.js';
