// Throwaway applications that have the packed package installed, as a user would.
import { execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('..', import.meta.url));
export const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));

/** Compiler settings as strict as a user's may be. */
export const compilerOptions = {
  target: 'es2022',
  module: 'nodenext',
  moduleResolution: 'nodenext',
  rootDir: 'src',
  outDir: 'dist',
  strict: true,
  noUncheckedIndexedAccess: true,
  exactOptionalPropertyTypes: true,
  experimentalDecorators: true,
  emitDecoratorMetadata: true,
  types: ['node'],
};

process.env['NO_COLOR'] = '1';
const temporary = mkdtempSync(join(tmpdir(), 'redo-package-'));
process.on('exit', () => rmSync(temporary, { recursive: true, force: true }));
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => process.exit(1));

/** Packs what `npm publish` would; returns the tarball and the names of the files in it. */
export function pack() {
  for (const { default: file } of Object.values(manifest.exports).filter((entry) => entry.default)) {
    if (!existsSync(join(root, file))) throw new Error(`${file} is missing: run \`npm run build\` first`);
  }
  const [packed] = JSON.parse(run(root, 'npm', ['pack', '--json', '--pack-destination', temporary]));
  return { tarball: join(temporary, packed.filename), files: packed.files.map(({ path }) => path) };
}

/** The version of a package that this one is developed with. */
export function developedWith(name) {
  return `${name}@${manifest.devDependencies[name]}`;
}

/** An application folder with these packages and these files (`{ path: text }`). */
export function createApp(name, { packages, files, type = 'module' }) {
  const folder = join(temporary, name);
  mkdirSync(folder);
  writeFiles(folder, { 'package.json': JSON.stringify({ name, private: true, type }), ...files });
  run(folder, 'npm', ['install', '--no-audit', '--no-fund', '--loglevel=error', ...packages]);
  return folder;
}

export function writeFiles(folder, files) {
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text);
  }
}

/** Runs a program to its end and returns its output; an error shows all it said. */
export function run(folder, program, args) {
  try {
    return execFileSync(program, args, {
      cwd: folder,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: 180_000,
    });
  } catch (error) {
    throw new Error(`${program} ${args.join(' ')}: ${error.message}\n${error.stdout}${error.stderr}`);
  }
}

/** Runs a Node script until it has printed all of `lines`; fails if it ends or `seconds` pass before. */
export async function runUntilPrinted(folder, script, lines, seconds) {
  const child = spawn(process.execPath, [script], { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] });
  const stop = () => child.kill('SIGKILL');
  process.on('exit', stop);
  let output = '';
  const missing = () => lines.filter((line) => !output.includes(line));
  const outcome = await new Promise((resolve) => {
    const deadline = setTimeout(() => resolve(`still running after ${seconds} s`), seconds * 1000);
    child.on('close', (code, signal) => {
      clearTimeout(deadline);
      resolve(`ended (${signal ?? code})`);
    });
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text) => {
        output += text;
        if (missing().length > 0) return;
        clearTimeout(deadline);
        resolve('printed');
      });
    }
  });
  stop();
  if (missing().length > 0) {
    throw new Error(`${script} ${outcome} without printing "${missing().join('", "')}":\n${output}`);
  }
}

/** Reports an error without the trace of this script, which helps nobody. */
export async function main(check) {
  try {
    await check();
  } catch (error) {
    console.error(error.message);
    process.exitCode = 1;
  }
}
