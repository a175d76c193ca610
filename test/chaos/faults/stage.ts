import { type DatabaseServer } from '../../support/servers.js';
import { type TestDatabase } from '../../support/test-database.js';
import { type Dice } from '../dice.js';
import { type Fleet } from '../fleet.js';
import { type PlannedFault } from '../plan.js';

/** What faults are done to. */
export interface Stage {
  readonly database: TestDatabase;
  readonly fleet: Fleet;
  /** Undefined on SQLite. */
  readonly server: DatabaseServer | undefined;
}

/**
 * Does one fault; ends when it is over and what was broken is whole again.
 *
 * @throws {NotPossible} it can't be done just now
 */
export type DoFault = (stage: Stage, fault: PlannedFault, dice: Dice) => Promise<void>;

/** The fault found nothing to befall; the run goes on without it. */
export class NotPossible extends Error {}

export function given<T>(thing: T | undefined, what: string): T {
  if (thing === undefined) throw new NotPossible(`there is no ${what}`);
  return thing;
}
