import { writeFileSync } from 'node:fs';
import { mkdtemp, readdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { aptInstall, canAptInstall } from './programs.js';
import { currentTestRun } from './test-run.js';

/** A wall clock that is wrong, for a process started with `env`; its monotonic clock and timers stay right. */
export interface FakeClock {
  readonly env: NodeJS.ProcessEnv;
  /** Moves the clock, also under processes that already run: this many ms off the machine's clock. */
  set(offset: number): void;
}

/**
 * ```ts
 * const clock = await fakeClock(3_600_000);
 * const worker = spawnNode('worker', { env: clock.env });
 * clock.set(-3_600_000);
 * ```
 * @param offset ms ahead of the machine's clock; negative: behind it
 */
export async function fakeClock(offset: number): Promise<FakeClock> {
  const library = await obtainLibrary();
  const directory = await mkdtemp(join(currentTestRun().directory, 'clock-'));
  const file = join(directory, 'offset');
  const set = (ms: number) => writeFileSync(file, `${ms < 0 ? '-' : '+'}${Math.abs(ms) / 1000}`);
  set(offset);
  return {
    env: {
      LD_PRELOAD: library,
      FAKETIME_TIMESTAMP_FILE: file,
      // Read the file at every look at the clock.
      FAKETIME_NO_CACHE: '1',
      // Timers and performance.now() go by the monotonic clock.
      DONT_FAKE_MONOTONIC: '1',
      FAKETIME_DONT_FAKE_MONOTONIC: '1',
    },
    set,
  };
}

async function obtainLibrary(): Promise<string> {
  let library = await findLibrary();
  if (!library && (await canAptInstall())) {
    await aptInstall('faketime');
    library = await findLibrary();
  }
  if (!library) throw new Error('no libfaketime found: install it (Debian: apt-get install faketime)');
  return library;
}

async function findLibrary(): Promise<string | undefined> {
  // The variant for processes with several threads, as Node's are.
  const file = 'libfaketimeMT.so.1';
  for (const root of ['/usr/lib', '/usr/lib64', '/usr/local/lib']) {
    const entries = await namesIn(root);
    for (const folder of [root, ...entries.map((entry) => join(root, entry))]) {
      const path = join(folder, 'faketime', file);
      if ((await namesIn(dirname(path))).includes(file)) return path;
    }
  }
  return undefined;
}

function namesIn(folder: string): Promise<string[]> {
  return readdir(folder).catch(() => []);
}
