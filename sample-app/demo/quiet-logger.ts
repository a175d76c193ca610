import { ConsoleLogger } from '@nestjs/common';

/** Whose messages the terminal gets in plain words from elsewhere. */
const TOLD_ELSEWHERE = new Set<unknown>(['Redo', 'TypeOrmModule', 'ExceptionHandler', 'NestApplication']);

/** Prints only errors that nobody expects: a demo is read by a person. */
export class QuietLogger extends ConsoleLogger {
  constructor() {
    super({ logLevels: ['error', 'fatal'] });
  }

  override error(message: unknown, ...rest: [...unknown[]]): void {
    if (!TOLD_ELSEWHERE.has(rest.at(-1))) super.error(message, ...rest);
  }
}
