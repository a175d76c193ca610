import { Injectable } from '@nestjs/common';
import { DiscoveryService, MetadataScanner, Reflector } from '@nestjs/core';
import { RedoConfigurationError } from '../redo.errors.js';
import { handlerOfManyInstances } from '../redo.messages.js';
import { REDO_HANDLER, type RedoHandlerMetadata } from './redo-handler.decorator.js';
import type { RedoHandlerFunction } from './redo-context.js';
import { RedoTask } from './redo-task.js';

/** A decorated method, bound to its instance. */
export interface FoundHandler {
  readonly task: RedoTask;
  readonly handle: RedoHandlerFunction;
  readonly place: string;
}

type Wrapper = ReturnType<DiscoveryService['getProviders']>[number];
type Method = (...args: unknown[]) => unknown;

/** Finds `@RedoHandler` methods; registers nothing. */
@Injectable()
export class RedoHandlerExplorer {
  constructor(
    private readonly discovery: DiscoveryService,
    private readonly scanner: MetadataScanner,
    private readonly reflector: Reflector,
  ) {}

  /** @throws {RedoConfigurationError} a decorated class is request or transient scoped, or a definition is wrong */
  explore(): FoundHandler[] {
    const wrappers = [...this.discovery.getProviders(), ...this.discovery.getControllers()];
    const seen = new Set<object>();
    return wrappers.flatMap((wrapper) => {
      const prototype = prototypeOf(wrapper);
      if (!prototype) return [];
      const alias = wrapper.instance as object | null;
      if (alias && seen.has(alias)) return [];
      if (alias) seen.add(alias);
      return this.scanner
        .getAllMethodNames(prototype)
        .flatMap((name) => this.inspect(wrapper, prototype, name));
    });
  }

  private inspect(wrapper: Wrapper, prototype: object, name: string): FoundHandler[] {
    const method = (prototype as Record<string, Method>)[name];
    const metadata = method && this.reflector.get<RedoHandlerMetadata | undefined>(REDO_HANDLER, method);
    if (!method || !metadata) return [];
    const className = (prototype.constructor as { name?: string }).name ?? String(wrapper.name);
    const place = `${className}.${name}`;
    if (!wrapper.isDependencyTreeStatic() || wrapper.isTransient)
      throw new RedoConfigurationError(handlerOfManyInstances(metadata.redoTaskId, place));
    const task = RedoTask.define(metadata.redoTaskId, metadata.policy, `@RedoHandler on ${place}`);
    return [{ task, handle: method.bind(wrapper.instance), place }];
  }
}

/** Instances made per request or per consumer are only seen through their class. */
function prototypeOf({ instance, metatype }: Wrapper): object | undefined {
  if (instance && typeof instance === 'object') return Object.getPrototypeOf(instance) as object;
  if (typeof metatype === 'function') return (metatype as { prototype?: object }).prototype;
  return undefined;
}
