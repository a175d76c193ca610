import { RedoResult } from '../handlers/redo-result.js';
import { type Clean, cleanerOf, type Redaction } from '../redaction.js';
import { timedOut } from '../redo.messages.js';
import { type ClaimedTask, decodeParams } from '../store/task.row.js';
import { failureOf, fileOf, headOf, withoutStack } from './failure.js';
import type { Outcome } from './outcome.js';
import { TaskContext } from './task.context.js';
import type { RunningTask } from './task.in.hand.js';

/** Why a handler's signal is aborted when this instance stops. */
export class ShutdownAbort extends Error {
  override readonly name = 'AbortError';
}

/** Undefined in a bundle, where handlers may be in the same file. */
const HERE = fileOf(new Error(), 'task.executor');

export interface Executed {
  readonly running: RunningTask;
  readonly outcome: Outcome;
}

/**
 * What goes on after it, in the order in which it came here, has nothing of the engine's loops below, each of which would be put into
 * words with an error that is made there.
 */
export const emptyStack = Promise.resolve();

/**
 * Runs one handler for one task. Knows no database and never fails.
 *
 * @param next asked once the stack is empty; `undefined`: nothing may begin any more
 */
export async function execute(
  next: () => RunningTask | undefined,
  redact: Redaction,
): Promise<Executed | undefined> {
  await emptyStack;
  const running = next();
  if (!running) return undefined;
  const { type, task } = running;
  try {
    const result: unknown = await type.handle(task.params as never, new TaskContext(running));
    return { running, outcome: outcomeOf(result, task, redact) };
  } catch (thrown) {
    if (running.abortedBy instanceof ShutdownAbort) return { running, outcome: { kind: 'aborted' } };
    const failure = failureOf(thrown, cleanerFor(task, redact), HERE);
    return { running, outcome: { kind: 'failed', failure } };
  }
}

/** What becomes of a task whose handler takes too long. */
export function giveUp(running: RunningTask): Outcome {
  const failure = withoutStack(timedOut(running.type.policy.timeout));
  running.abort(failure.error);
  return { kind: 'failed', failure };
}

const SUCCEEDED: Outcome = { kind: 'succeeded' };

function outcomeOf(result: unknown, task: ClaimedTask, redact: Redaction): Outcome {
  if (result instanceof Error) throw result;
  if (!RedoResult.is(result)) return SUCCEEDED;
  const { verdict } = result;
  switch (verdict.kind) {
    case 'success':
      return SUCCEEDED;
    case 'failure':
      return { kind: 'failed', failure: withoutStack(cleanerFor(task, redact)(headOf(verdict.reason))) };
    case 'retryAfter':
      return { kind: 'postponed', delay: verdict.delay };
    case 'discard':
      return { kind: 'discarded', reason: cleanerFor(task, redact)(headOf(verdict.reason)) };
  }
}

const cleanerFor = ({ id, redoTaskId, reqParam }: ClaimedTask, redact: Redaction): Clean =>
  cleanerOf(redact, () => ({ id, redoTaskId, params: decodeParams(reqParam) }));
