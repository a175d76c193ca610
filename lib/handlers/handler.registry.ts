import { Inject, Injectable } from '@nestjs/common';
import { RedoConfigurationError, UnknownTaskTypeError } from '../redo.errors.js';
import { duplicateHandler, unknownTaskType } from '../redo.messages.js';
import { REDO_OPTIONS, type ResolvedRedoOptions } from '../redo.options.js';
import { type RedoHandlerFunction } from './redo-context.js';
import { resolvePolicy, type ResolvedPolicy } from './redo-policy.js';
import type { RedoTask } from './redo-task.js';

/** A task type this instance knows; `handle` is missing where it only adds such tasks. */
export interface RegisteredType {
  readonly redoTaskId: string;
  readonly policy: ResolvedPolicy;
  readonly handle?: RedoHandlerFunction;
  /** `PartnerNotifier.notify`, for messages. */
  readonly place: string;
}

export type HandledType = RegisteredType & { readonly handle: RedoHandlerFunction };

/** Task type → definition and handler. */
@Injectable()
export class RedoHandlerRegistry {
  private readonly types = new Map<string, RegisteredType>();

  constructor(@Inject(REDO_OPTIONS) private readonly options: ResolvedRedoOptions) {}

  /**
   * Registers a definition with its handler, or alone: then this instance adds such tasks but does not run them.
   *
   * @throws {RedoConfigurationError} the type is registered already
   */
  register<P = never>(task: RedoTask, handle?: RedoHandlerFunction<P>, place = 'register()'): void {
    const { redoTaskId } = task;
    const first = this.types.get(redoTaskId);
    if (first) throw new RedoConfigurationError(duplicateHandler(redoTaskId, first.place, place));
    const policy = resolvePolicy(task.policy, this.options.defaults);
    this.types.set(redoTaskId, {
      redoTaskId,
      policy,
      handle: handle,
      place,
    });
  }

  /** @throws {UnknownTaskTypeError} nothing is registered under this id; the error lists what is */
  get(redoTaskId: string): RegisteredType {
    const type = this.types.get(redoTaskId);
    if (!type) throw new UnknownTaskTypeError(unknownTaskType(redoTaskId, this.ids()));
    return type;
  }

  /** The type with its handler, or `undefined` where this instance can't run it. */
  handled(redoTaskId: string): HandledType | undefined {
    const type = this.types.get(redoTaskId);
    return type?.handle && (type as HandledType);
  }

  ids(): string[] {
    return [...this.types.keys()].sort();
  }

  /** The types this instance can run. */
  handledTypes(): HandledType[] {
    return [...this.types.values()].filter((type): type is HandledType => type.handle !== undefined);
  }
}
