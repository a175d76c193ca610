import { startKeeper, type Keeper } from './keeper.js';
import { PrivateServer } from './private-server.js';
import { serverVersion } from './server-connection.js';
import { SERVER_KINDS, type ServerKind, type ServerKindName } from './server-kinds.js';
import { startTcpProxy } from './tcp-proxy.js';
import { waitFor } from './wait-for.js';

/** A server of one test's own, to be killed and brought back. */
export interface DatabaseServer {
  /** Names no schema; see `createDatabase(kind, url)`. Stays the same over `restart`. */
  readonly url: string;
  readonly version: string;
  /**
   * Whether `kill` really kills a server. If not, the server was given by URL and is not ours to kill:
   * its clients are cut off instead, which looks the same to them, except that the server forgets nothing.
   */
  readonly ownProcess: boolean;
  /** From now on nobody is there: connections break, new ones are refused. */
  kill(): Promise<void>;
  /** As `kill`, but it ends in good order first. */
  shutDown(): Promise<void>;
  /** It is there again, at the same place, with its data. */
  restart(): Promise<void>;
  stop(): Promise<void>;
}

/** No server of this kind can be had on this machine; the message says what to do. */
export class ServerUnavailable extends Error {}

export async function startServer(
  name: ServerKindName,
  options: {
    /** Added to the server's environment, for instance a `fakeClock`; needs a server of our own. */
    env?: NodeJS.ProcessEnv;
    /** A server program of this machine is preferred to the server that the environment names. @default false */
    ownProcess?: boolean;
  } = {},
): Promise<DatabaseServer> {
  const kind = SERVER_KINDS[name];
  const url = urlFromEnvironment(kind);
  if (url && !(options.ownProcess && (await kind.findProgram()))) {
    if (options.env)
      throw new Error(`${kind.urlVariable} is set: that server's environment can't be changed`);
    return behindProxy(url, await checkedVersion(kind, url));
  }
  const program = await obtainProgram(kind);
  const keeper = await startKeeper();
  try {
    const server = await PrivateServer.start(kind, program, keeper, options.env);
    return Object.assign(server, { stop: () => keeper.close() });
  } catch (error) {
    await keeper.close();
    throw error;
  }
}

/** A server that the test files of a run share; the keeper stops it. */
export async function sharedServer(
  name: ServerKindName,
  keeper: Keeper,
): Promise<{ url: string; version: string; log?: string }> {
  const kind = SERVER_KINDS[name];
  const url = urlFromEnvironment(kind);
  if (url) return { url, version: await checkedVersion(kind, url) };
  return PrivateServer.start(kind, await obtainProgram(kind), keeper);
}

function urlFromEnvironment(kind: ServerKind): string | undefined {
  return process.env[kind.urlVariable] || undefined;
}

async function obtainProgram(kind: ServerKind): Promise<string> {
  let program = await kind.findProgram();
  if (!program && (await kind.install())) program = await kind.findProgram();
  if (!program) throw new ServerUnavailable(`no ${kind.name} server found: ${kind.remedy}`);
  return program;
}

async function checkedVersion(kind: ServerKind, url: string): Promise<string> {
  const version = await waitFor(() => serverVersion(url), {
    timeout: 10_000,
    interval: 100,
    what: `the server that ${kind.urlVariable} names to answer`,
  });
  if (!kind.isVersion(version)) {
    throw new Error(`${kind.urlVariable} names a server of another kind; it calls itself ${version}`);
  }
  return version;
}

async function behindProxy(url: string, version: string): Promise<DatabaseServer> {
  const proxy = await startTcpProxy(url);
  const cut = () => {
    proxy.cut();
    return Promise.resolve();
  };
  return {
    url: proxy.url,
    version,
    ownProcess: false,
    kill: cut,
    shutDown: cut,
    restart: () => proxy.heal(),
    stop: () => proxy.close(),
  };
}
