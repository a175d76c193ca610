import { setTimeout as delay } from 'node:timers/promises';
import { type TcpProxy } from '../../support/tcp-proxy.js';
import { type Dice } from '../dice.js';
import { type DoFault, given } from './stage.js';

const LATEST = 2_000;

/** The network between one worker and the database: something happens to it, and after a while it is well again. */
const spoil =
  (how: (proxy: TcpProxy, dice: Dice) => unknown, atLast?: (proxy: TcpProxy) => void): DoFault =>
  async ({ fleet }, { slot, lasts }, dice) => {
    await fleet.up(slot);
    const proxy = given(fleet.slot(slot).proxy, `proxy of worker ${slot}`);
    how(proxy, dice);
    await delay(lasts);
    atLast?.(proxy);
    await proxy.heal();
  };

export const cutNetwork = spoil((proxy) => proxy.cut());

export const slowNetwork = spoil((proxy, dice) => proxy.delay(() => dice.integer(0, LATEST)));

export const freezeNetwork = spoil((proxy) => proxy.freeze());

/** The server hears a COMMIT; from its answer on everything is lost. A connection that has lost words does not go on. */
export const loseCommitAnswer = spoil(
  (proxy, dice) => proxy.loseAnswersTo('COMMIT', dice.integer(0, 3)),
  (proxy) => proxy.cut(),
);

/** A server whose disk is slow answers a COMMIT late, whoever asks. */
export const slowDisk: DoFault = async ({ fleet }, { lasts }, dice) => {
  const proxies = fleet.slots.flatMap(({ proxy }) => proxy ?? []);
  for (const proxy of proxies) proxy.delayAnswersTo('COMMIT', () => dice.integer(50, 1_000));
  await delay(lasts);
  for (const proxy of proxies) proxy.delayAnswersTo('COMMIT', () => 0);
};
