import { RedoConfigurationError } from '../redo.errors.js';
import { badValue, definitionOf } from '../redo.messages.js';
import { taskTypeId } from '../rules.js';
import { type Backoff, checkPolicy, type RedoPolicy } from './redo-policy.js';

/**
 * A task type's definition: its id and its policy.
 *
 * @example
 * const task = RedoTask.newBuilder('order.notify-partner').maxAttempts(3).build();
 * registry.register(task, async (params) => RedoResult.SUCCESS);
 */
export class RedoTask {
  private constructor(
    readonly redoTaskId: string,
    readonly policy: Readonly<RedoPolicy>,
  ) {}

  /** @throws {RedoConfigurationError} the id or a policy value is not allowed; `where` names its place in the error */
  static define(redoTaskId: string, policy: RedoPolicy = {}, where = definitionOf(redoTaskId)): RedoTask {
    if (!taskTypeId.accepts(redoTaskId))
      throw new RedoConfigurationError(badValue(`${where}: redoTaskId`, redoTaskId, taskTypeId.allowed));
    checkPolicy(where, policy, (message) => new RedoConfigurationError(message));
    return new RedoTask(redoTaskId, Object.freeze({ ...policy }));
  }

  static newBuilder(redoTaskId: string): RedoTaskBuilder {
    return new RedoTaskBuilder(redoTaskId);
  }
}

/** Builds a {@link RedoTask} step by step; `build()` checks it. */
export class RedoTaskBuilder {
  private readonly policy: RedoPolicy = {};

  constructor(private readonly redoTaskId: string) {}

  /** Attempts before the task is dead. @default 10 */
  maxAttempts(maxAttempts: number): this {
    return this.with({ maxAttempts });
  }

  /** No limit of attempts. */
  tryForever(tryForever = true): this {
    return this.with({ tryForever });
  }

  /** From this instant on the task is not begun any more. */
  expiredDate(expiredDate: Date): this {
    return this.with({ expiredDate });
  }

  /** Expiry in ms from the moment of adding. */
  expiresIn(expiresIn: number): this {
    return this.with({ expiresIn });
  }

  backoff(backoff: Backoff): this {
    return this.with({ backoff });
  }

  /** Longest run of the handler, ms. @default 300_000 */
  timeout(timeout: number): this {
    return this.with({ timeout });
  }

  /** Handlers of this type running at once on one instance. */
  concurrency(concurrency: number): this {
    return this.with({ concurrency });
  }

  /** @throws {RedoConfigurationError} the id or a policy value is not allowed */
  build(): RedoTask {
    return RedoTask.define(this.redoTaskId, this.policy);
  }

  private with(part: RedoPolicy): this {
    Object.assign(this.policy, part);
    return this;
  }
}
