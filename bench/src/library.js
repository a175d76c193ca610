import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { atExit } from './harness/at-exit.js';

export const BENCH = fileURLToPath(new URL('..', import.meta.url));
const CACHE = join(BENCH, '.cache');

/**
 * Packs what `npm publish` would of a clone that is built, and unpacks it where an application would have it.
 *
 * @param {string} clone
 * @returns {{ folder: string, name: string, version: string, commit: string }} `folder`: whose `nestjs-redo` it is
 */
export function packLibrary(clone) {
  const root = resolve(clone);
  if (!existsSync(join(root, 'dist/lib/index.js')))
    throw new Error(`${root} is not built: npm run build there`);
  const folder = join(CACHE, `${basename(root)}-${process.pid}`);
  const installed = join(folder, 'node_modules/nestjs-redo');
  mkdirSync(installed, { recursive: true });
  atExit(() => rmSync(folder, { recursive: true, force: true }));
  const run = (program, ...args) => execFileSync(program, args, { cwd: root, encoding: 'utf8' });
  const [{ filename }] = JSON.parse(
    run('npm', 'pack', '--json', '--ignore-scripts', '--loglevel=error', '--pack-destination', folder),
  );
  run('tar', '-xzf', join(folder, filename), '-C', installed, '--strip-components=1');
  const { version } = JSON.parse(readFileSync(join(installed, 'package.json'), 'utf8'));
  return { folder, name: basename(root), version, commit: commitOf(run) };
}

function commitOf(run) {
  try {
    const commit = run('git', 'rev-parse', '--short', 'HEAD').trim();
    const changed = run('git', 'status', '--porcelain', '--', 'lib', 'migrations').trim() !== '';
    return changed ? `${commit}, changed` : commit;
  } catch {
    return 'unknown';
  }
}
