import { setTimeout as delay } from 'node:timers/promises';
import { type DoFault, given } from './stage.js';

const HOUR = 3_600_000;

export const killWorker: DoFault = async ({ fleet }, { slot, kind }) => {
  const worker = await fleet.up(slot);
  worker.endedBy = kind;
  worker.process.kill('SIGKILL');
  await worker.process.exited;
};

/** A zombie: it wakes up and believes that it still holds its tasks. */
export const pauseWorker: DoFault = async ({ fleet }, { slot, lasts }) => {
  const worker = await fleet.up(slot);
  worker.process.kill('SIGSTOP');
  await delay(lasts);
  worker.process.kill('SIGCONT');
};

/** SIGTERM, while its handlers run. */
export const stopWorker: DoFault = async ({ fleet }, { slot, kind }) => {
  const worker = await fleet.up(slot);
  worker.endedBy = kind;
  worker.process.kill('SIGTERM');
  await fleet.stopped(worker);
};

export const exhaustPool: DoFault = async ({ fleet }, { slot, lasts }) => {
  const worker = await fleet.up(slot);
  worker.process.send(`exhaust ${JSON.stringify({ ms: lasts })}`);
  await delay(lasts);
};

/** The wall clock of one host, for a while. */
export const moveClock: DoFault = async ({ fleet }, { slot, lasts }, dice) => {
  await fleet.up(slot);
  const clock = given(fleet.slot(slot).clock, `clock of worker ${slot}`);
  clock.set(dice.pick([HOUR, -HOUR]));
  await delay(lasts);
  clock.set(0);
};
