export interface Command {
  /** Keep serving until Ctrl-C, instead of running the demo. */
  readonly serve: boolean;
  /** Where `--serve` listens. @default 3000 */
  readonly port: number;
  /** @default a temporary SQLite file */
  readonly databaseUrl: string | undefined;
}

/** @throws {Error} naming what is allowed */
export function readCommandLine(args: readonly string[], env: NodeJS.ProcessEnv): Command {
  const unknown = args.find((arg) => arg !== '--serve');
  if (unknown !== undefined) throw new Error(`Unknown argument "${unknown}"; allowed: --serve`);
  return {
    serve: args.includes('--serve'),
    port: portFrom(env['PORT']),
    databaseUrl: env['DATABASE_URL'] || undefined,
  };
}

function portFrom(given: string | undefined): number {
  if (!given) return 3000;
  if (/^\d{1,5}$/.test(given) && Number(given) <= 65_535) return Number(given);
  throw new Error(`PORT is "${given}"; allowed: a number from 0 to 65535 (0: any free port)`);
}
