/**
 * Outlives its parent by a moment, to tidy up after it: when the parent closes our standard input, or dies in
 * whatever way, the processes it named are ended and its temporary directory is removed.
 *
 *   node keeper.process.js <directory>      standard input: lines "watch <pid> <signal>" and "forget <pid>"
 */
import { rmSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { setTimeout as pause } from 'node:timers/promises';

const directory = process.argv[2];
/** Process → the signal that ends it. */
const watched = new Map<number, NodeJS.Signals>();
/** How long a process may take to end by itself, ms. */
const PATIENCE = 5_000;

// Ctrl-C reaches the whole terminal; ours comes when the parent is gone.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => {});

createInterface({ input: process.stdin })
  .on('line', (line) => {
    const [verb, pid, signal] = line.split(' ');
    if (verb === 'watch') watched.set(Number(pid), signal as NodeJS.Signals);
    if (verb === 'forget') watched.delete(Number(pid));
  })
  .on('close', () => void endAll());

async function endAll(): Promise<void> {
  const giveUpAt = performance.now() + PATIENCE;
  for (const [pid, signal] of watched) if (!tell(pid, signal)) watched.delete(pid);
  while (watched.size > 0 && performance.now() < giveUpAt) {
    for (const pid of watched.keys()) if (!tell(pid, 0)) watched.delete(pid);
    await pause(10);
  }
  for (const pid of watched.keys()) tell(pid, 'SIGKILL');
  // A killed server may still be letting go of its files.
  if (directory) rmSync(directory, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 });
}

/** @param signal 0: only looks @returns whether its group was there */
function tell(pid: number, signal: NodeJS.Signals | 0): boolean {
  try {
    return process.kill(-pid, signal);
  } catch {
    return false;
  }
}
