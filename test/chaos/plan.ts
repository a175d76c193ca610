import { type DatabaseKind } from '../support/test-run.js';
import { type Dice, diceOf } from './dice.js';
import { type FaultKind, type FaultKindInfo, kindInfo, kindsOf } from './fault-kinds.js';
import { LEASE, WORKERS } from './settings.js';

export interface PlannedFault {
  readonly kind: FaultKind;
  /** The worker that it befalls, 1 to 3, or whose connection. */
  readonly slot: number;
  /** ms */
  readonly lasts: number;
  /** What comes before it in its lane, ms. */
  readonly rest: number;
  /** What is left to draw while it happens is drawn from this. */
  readonly seed: number;
}

export interface Plan {
  /** The worker that has a wall clock of its own. */
  readonly clockSlot: number;
  /** Finished tasks are deleted, as is the default, or kept. */
  readonly deletesSucceeded: boolean;
  readonly lanes: Readonly<Record<FaultKindInfo['lane'], Iterator<PlannedFault, never>>>;
  /** After it nothing happens any more. */
  readonly last: PlannedFault;
}

/** No single fault of a short run takes a large part of it, ms. */
export function planOf(seed: number, database: DatabaseKind, longest = Infinity): Plan {
  const dice = diceOf(seed, `run on ${database}`);
  const clockSlot = dice.integer(1, WORKERS);
  const draw = (from: Dice, kind: FaultKind, most: number): PlannedFault => {
    const { lasts } = kindInfo(kind);
    return {
      kind,
      slot: kind === 'clock moved' ? clockSlot : from.integer(1, WORKERS),
      lasts: Math.min(from.integer(lasts[0], lasts[1]), most),
      rest: from.integer(300, 2_500),
      seed: from.integer(0, 2 ** 31),
    };
  };
  /** Every kind comes once before any comes again. */
  function* lane(name: FaultKindInfo['lane']): Generator<PlannedFault, never> {
    const from = diceOf(seed, `${name} faults on ${database}`);
    const kinds = kindsOf(name, database);
    // Where there is but one kind, it is not to be all that happens.
    const restful = kinds.length === 1 ? 4 : 1;
    for (;;)
      for (const kind of from.shuffled(kinds)) {
        const fault = draw(from, kind, longest);
        yield { ...fault, rest: fault.rest * restful };
      }
  }
  const all = [...kindsOf('worker', database), ...kindsOf('server', database)];
  return {
    clockSlot,
    deletesSucceeded: dice.chance(0.5),
    lanes: { worker: lane('worker'), server: lane('server') },
    last: draw(dice, dice.pick(all), Math.min(longest, 2 * LEASE)),
  };
}
