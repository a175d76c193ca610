import type { DeadReason } from 'nestjs-redo';
import type { NewOrder } from '../orders/new-order.js';

/** `RECOVERED`: the partner was told after failed attempts; `NOTIFIED`: at the first one. */
export type Ending = 'NOTIFIED' | 'RECOVERED' | 'ROLLED BACK' | `DEAD, ${DeadReason}`;

/** An order of the demo, and how it is to end. */
export interface Part {
  readonly order: NewOrder;
  readonly ending: Ending;
  readonly why: string;
}

export const CAST = {
  tea: {
    order: { partner: 'acme', item: 'tea', quantity: 2 },
    ending: 'RECOVERED',
    why: "the partners' server was down, then flaky",
  },
  coffee: {
    order: { partner: 'globex', item: 'coffee', quantity: 5 },
    ending: 'RECOVERED',
    why: "the partners' server was down, then flaky",
  },
  cocoa: {
    order: { partner: 'hooli', item: 'cocoa', quantity: 1 },
    ending: 'DEAD, EXHAUSTED',
    why: 'this account never works, and 8 attempts are the limit',
  },
  soup: {
    order: { partner: 'acme', item: 'soup', quantity: 1, notifyWithinSeconds: 2 },
    ending: 'DEAD, EXPIRED',
    why: 'it was to be told within 2 s, or not at all',
  },
  caviar: {
    order: { partner: 'acme', item: 'caviar', quantity: 500 },
    ending: 'ROLLED BACK',
    why: 'the order was refused after its task had been added',
  },
  bread: {
    order: { partner: 'umbrella', item: 'bread', quantity: 3 },
    ending: 'DEAD, DISCARDED',
    why: 'this account is closed (410): trying again is useless',
  },
  honey: {
    order: { partner: 'initech', item: 'honey', quantity: 4 },
    ending: 'RECOVERED',
    why: 'the partner was busy (429, not counted), then flaky',
  },
  cake: {
    order: { partner: 'acme', item: 'cake', quantity: 1 },
    ending: 'NOTIFIED',
    why: 'all was well',
  },
} satisfies Record<string, Part>;
