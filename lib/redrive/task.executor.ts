import { RedoResult } from '../handlers/redo-result.js';
import { type Clean, cleanerOf, type Redact } from '../redaction.js';
import { timedOut } from '../redo.messages.js';
import { type ClaimedTask, decodeParams } from '../store/task.row.js';
import { failureOf, headOf, withoutStack } from './failure.js';
import type { Outcome } from './outcome.js';
import { TaskContext } from './task.context.js';
import type { RunningTask } from './worker.life.js';

/** Why a handler's signal is aborted when this instance stops. */
export class ShutdownAbort extends Error {
  override readonly name = 'AbortError';
}

/** Runs one handler for one task. Knows no database and never fails. */
export async function execute(running: RunningTask, redact: Redact | false): Promise<Outcome> {
  const { type, task } = running;
  try {
    const result: unknown = await type.handle(task.params as never, new TaskContext(running));
    return outcomeOf(result, task, redact);
  } catch (thrown) {
    if (running.abortedBy instanceof ShutdownAbort) return { kind: 'aborted' };
    return { kind: 'failed', failure: failureOf(thrown, cleanerFor(task, redact)) };
  }
}

/** What becomes of a task whose handler takes too long. */
export function giveUp(running: RunningTask): Outcome {
  const failure = withoutStack(timedOut(running.type.policy.timeout));
  running.abort(failure.error);
  return { kind: 'failed', failure };
}

const SUCCEEDED: Outcome = { kind: 'succeeded' };

function outcomeOf(result: unknown, task: ClaimedTask, redact: Redact | false): Outcome {
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

const cleanerFor = ({ id, redoTaskId, reqParam }: ClaimedTask, redact: Redact | false): Clean =>
  cleanerOf(redact, () => ({ id, redoTaskId, params: decodeParams(reqParam) }));
