import { DEEDS, DEED_NAMES, type DeedName, type Order } from './deeds.js';
import { type Dice, diceOf } from './dice.js';

/** One transaction of a producer: some rows of its own and their tasks. */
export interface PlannedTransaction {
  readonly orders: readonly Order[];
  /** `detached`: the tasks are added one by one, outside of any transaction. */
  readonly end: 'commit' | 'roll back' | 'detached';
  /** How long it stays open after the tasks are added, ms. */
  readonly openFor: number;
  /** What the producer rests afterwards, ms. */
  readonly rest: number;
}

const WEIGHTS = Object.fromEntries(DEED_NAMES.map((name) => [name, DEEDS[name].weight])) as Record<
  DeedName,
  number
>;

/** What one producer does, without end. The same for the same seed and name. */
export function* workload(seed: number, producer: string): Generator<PlannedTransaction, never> {
  const dice = diceOf(seed, `producer ${producer}`);
  for (let number = 1; ; number += 1) {
    const size = dice.integer(1, 4);
    yield {
      orders: Array.from({ length: size }, (_, index) => orderOf(dice, `${producer}${number}.${index + 1}`)),
      end: dice.weighted({ commit: 70, 'roll back': 18, detached: 12 }),
      openFor: dice.chance(0.2) ? dice.integer(50, 400) : 0,
      rest: dice.integer(20, 180),
    };
  }
}

function orderOf(dice: Dice, key: string): Order {
  return {
    key,
    deed: dice.weighted(WEIGHTS),
    ms: dice.integer(1, 120),
    times: dice.integer(1, 3),
    stubborn: dice.chance(0.2),
  };
}
