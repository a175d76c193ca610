import type { HandledType } from '../handlers/handler.registry.js';
import { RedoResult } from '../handlers/redo-result.js';
import { type Clean, cleanerOf, type Redact } from '../redaction.js';
import { timedOut } from '../redo.messages.js';
import { type ClaimedTask, decodeParams } from '../store/task.row.js';
import { failureOf, headOf, withoutStack } from './failure.js';
import type { Outcome } from './outcome.js';
import { TaskContext } from './task.context.js';

/** Why a handler's signal is aborted when this instance stops. */
export class ShutdownAbort extends Error {
  override readonly name = 'AbortError';
}

/**
 * Runs one handler for one task. Knows no database and never throws.
 *
 * @param tell is told the outcome; after the timeout it may be told another one, which comes too late
 */
export function execute(
  type: HandledType,
  task: ClaimedTask,
  controller: AbortController,
  redact: Redact | false,
  tell: (outcome: Outcome) => void,
): void {
  const { timeout } = type.policy;
  const timer = setTimeout(() => {
    const failure = withoutStack(timedOut(timeout));
    controller.abort(failure.error);
    tell({ kind: 'failed', failure });
  }, timeout);
  // A handler that is given up at shutdown must not keep the process alive.
  timer.unref();
  void call(type, task, controller, redact).then((outcome) => {
    clearTimeout(timer);
    tell(outcome);
  });
}

async function call(
  type: HandledType,
  task: ClaimedTask,
  controller: AbortController,
  redact: Redact | false,
): Promise<Outcome> {
  try {
    const result: unknown = await type.handle(task.params as never, new TaskContext(task, controller));
    return outcomeOf(result, task, redact);
  } catch (thrown) {
    const { signal } = controller;
    if (signal.aborted && signal.reason instanceof ShutdownAbort) return { kind: 'aborted' };
    return { kind: 'failed', failure: failureOf(thrown, cleanerFor(task, redact)) };
  }
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
