import a from './a.js';
import a1 from './a1.js';
import b from './b.js';
import c from './c.js';
import c1 from './c1.js';
import d from './d.js';
import e from './e.js';
import f from './f.js';
import g from './g.js';
import h from './h.js';
import i from './i.js';
import j from './j.js';
import k from './k.js';
import l from './l.js';

/** C, D1 and G0 come before those that are told as shares of them. @type {readonly import('./axis.js').Axis[]} */
export const AXES = [c, c1, a, ...a1, b, ...d, ...e, f, ...g, h, ...i, j, ...k, l];

/** The letters of the table, of which some are several axes. */
export const GROUPS = [...new Set(AXES.map(({ group, id }) => group ?? id))];
