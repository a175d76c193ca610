import 'reflect-metadata';
import { NestFactory } from '@nestjs/core';
import { AppModule } from './app.module.js';
import { readCommandLine } from './command-line.js';
import { databaseFrom, explainConnectionError } from './database.js';
import { runDemo } from './demo/demo.js';
import { QuietLogger } from './demo/quiet-logger.js';
import { serve } from './demo/serve.js';
import { PartnerServer } from './partner/partner.server.js';

async function main(): Promise<void> {
  const command = readCommandLine(process.argv.slice(2), process.env);
  const database = databaseFrom(command.databaseUrl);
  const partner = await PartnerServer.start();
  const app = await NestFactory.create(
    AppModule.forRoot({ database: database.options, partnerUrl: partner.url }),
    // The narrator tells what happens; in an application of yours leave Nest's own logger in place.
    { logger: new QuietLogger(), abortOnError: false },
  ).catch((error: unknown) => {
    throw explainConnectionError(error, database);
  });
  // On SIGTERM and Ctrl-C the running handlers finish before the database is closed.
  app.enableShutdownHooks([], { useProcessExit: true });

  if (command.serve) await serve({ app, partner, database, port: command.port });
  else process.exitCode = (await runDemo({ app, partner, database })) ? 0 : 1;
}

main().catch((error: unknown) => {
  console.error(error instanceof Error && error.name === 'Error' ? error.message : error);
  // Not only the exit code: what was started before the failure would keep the process alive.
  process.exit(1);
});
