import a from './a.js';
import b from './b.js';
import c from './c.js';
import c1 from './c1.js';

/** @type {readonly import('./axis.js').Axis[]} */
export const AXES = [a, b, c, c1];
