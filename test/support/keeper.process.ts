/**
 * Outlives its parent by a moment, to tidy up after it: when the parent closes our standard input, or dies in
 * whatever way, the processes it named are killed and its temporary directory is removed.
 *
 *   node keeper.process.js <directory>      standard input: lines "watch <pid>" and "forget <pid>"
 */
import { rmSync } from 'node:fs';
import { createInterface } from 'node:readline';

const directory = process.argv[2];
const watched = new Set<number>();

// Ctrl-C reaches the whole terminal; ours comes when the parent is gone.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => {});

createInterface({ input: process.stdin })
  .on('line', (line) => {
    const [verb, pid] = line.split(' ');
    if (verb === 'watch') watched.add(Number(pid));
    if (verb === 'forget') watched.delete(Number(pid));
  })
  .on('close', () => {
    for (const pid of watched) killGroup(pid);
    // A killed server may still be letting go of its files.
    if (directory) rmSync(directory, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 });
  });

function killGroup(pid: number): void {
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // It has ended by itself.
  }
}
