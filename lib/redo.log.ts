import { Inject, Injectable, Logger } from '@nestjs/common';
import { RedoEvents } from './redo.events.js';
import * as messages from './redo.messages.js';
import { REDO_OPTIONS, type ResolvedRedoOptions } from './redo.options.js';

/** Words the log lines. The engine only says what happened. Lines carry ids and error messages, never parameters. */
@Injectable()
export class RedoLog {
  private readonly logger = new Logger('Redo');

  constructor(
    private readonly events: RedoEvents,
    @Inject(REDO_OPTIONS) private readonly options: ResolvedRedoOptions,
  ) {}

  start(): void {
    const { events, logger, options } = this;
    if (!options.worker) logger.log(messages.addOnly(options.applicationName));
    events.on('workerStarted', ({ workerId, redoTaskIds }) =>
      logger.log(messages.started(options.applicationName, workerId, redoTaskIds)),
    );
    events.on('failed', ({ attempt, maxAttempts, error, delay, ...task }) =>
      logger.warn(messages.attemptFailed(task, attempt, maxAttempts, error.message, delay)),
    );
    events.on('dead', ({ reason, detail, ...task }) => logger.error(messages.taskDead(task, reason, detail)));
    events.on('parked', ({ error, ...task }) => logger.error(messages.taskParked(task, error)));
    events.on('workerLapsed', ({ workerId, host, pid, charged }) =>
      logger.warn(messages.workerLapsed(workerId, host, pid, charged.length)),
    );
    events.on('leaseLost', ({ workerId, running, reason }) =>
      logger.error(messages.leaseLost(workerId, running, reason)),
    );
    events.on('trouble', ({ doing, retryIn, error, failures }) => {
      const say = failures > 1 ? logger.error.bind(logger) : logger.warn.bind(logger);
      say(messages.engineTrouble(doing, retryIn, error.message));
    });
    events.on('recovered', ({ doing, failures }) => logger.log(messages.engineRecovered(doing, failures)));
    events.on('workerStopped', ({ handedBack }) => logger.log(messages.stopped(handedBack)));
  }
}
