import { commit } from './audit.js';
import { isAutocommit, lifeOf } from './calls.js';
import type { Setting } from './session.js';
import type { State } from './state.js';
import type { Step, Waiting } from './step.js';
import { isWritten, proceed } from './transaction.js';

/** What becomes of transactions and writes that were given up, or whose process is gone: the server hears of it late. */
export function* orphanSteps(setting: Setting, state: State, waiting: Waiting): Generator<Step> {
  for (const tx of state.orphans) {
    const left = { ...state, orphans: state.orphans.filter((other) => other !== tx) };
    const name = `${tx.call.kind} of life ${lifeOf(tx.call)}, given up`;
    yield { name: `${name}: comes to nothing`, take: () => left };
    if (tx.stage === 'done') yield { name: `${name}: its COMMIT arrives`, take: () => commit(left, tx) };
    if (!isAutocommit(tx.call)) continue;
    const progress = proceed(setting, state, tx);
    if (progress.kind === 'waits') waiting.push({ tx, lock: progress.lock });
    else if (progress.kind === 'answered' && isWritten(progress.tx))
      yield { name: `${name}: arrives`, take: () => commit(left, progress.tx) };
  }
}
