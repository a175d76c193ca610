/** Where each side is. The process of a side imports its file alone: no product is at work beside another. */
const SIDES = {
  'nestjs-redo': './nestjs-redo.js',
  'graphile-worker': './graphile-worker.js',
  'pg-boss': './pg-boss.js',
  bullmq: './bullmq.js',
  'bullmq-postgres': './bullmq-postgres.js',
  sidequest: './sidequest.js',
  serenis: './serenis.js',
  'by-hand-mysql': './hand-written/mysql.js',
  'by-hand-typeorm': './hand-written/typeorm.js',
  'by-hand-postgres': './hand-written/postgres.js',
};

/** @returns {Promise<import('./side.js').Side>} */
export const loadSide = async (key) => (await import(SIDES[key])).default;
