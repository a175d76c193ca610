import { createConnection, createServer, type Server, type Socket } from 'node:net';
import { freePort } from './free-port.js';
import { atAddress, parseServerUrl } from './server-connection.js';

/**
 * Stands between an application and a server, to play a network that fails.
 *
 * ```ts
 * const proxy = await startTcpProxy(database.url);
 * const dataSource = new DataSource(database.options(proxy.address));
 * proxy.cut();
 * await proxy.heal();
 * ```
 */
export interface TcpProxy {
  readonly address: { host: string; port: number };
  /** The same URL as the target's, but through this proxy. */
  readonly url: string;
  /** Connections that are open now. */
  readonly connections: number;
  /** The local ports of its connections to the server: how the server knows them. */
  readonly upstreamPorts: number[];
  /** Resets all connections and refuses new ones. */
  cut(): void;
  /** The server still hears every word, but its answers are lost: a COMMIT may land and nobody knows. */
  loseAnswers(): void;
  /**
   * The same, from the moment on when a client says these words (`COMMIT`), after it was answered `spared` times. Resolves
   * once the server has heard them.
   */
  loseAnswersTo(words: string, spared?: number): Promise<void>;
  /** Accepts connections again and passes everything on, on the same port. */
  heal(): Promise<void>;
  close(): Promise<void>;
}

export async function startTcpProxy(targetUrl: string): Promise<TcpProxy> {
  const target = parseServerUrl(targetUrl);
  const address = { host: '127.0.0.1', port: await freePort() };
  const sockets = new Set<Socket>();
  const upstreams = new Set<Socket>();
  let answersArrive = true;
  let lose: { readonly words: string; readonly heard: () => void; spared: number } | undefined;

  const server = createServer((client) => {
    const upstream = createConnection({ host: target.host, port: target.port, noDelay: true });
    client.setNoDelay(true);
    join(client, upstream);
    upstreams.add(upstream);
    upstream.on('close', () => upstreams.delete(upstream));
    client.on('data', (words) => {
      if (lose && words.includes(lose.words) && lose.spared-- === 0) {
        answersArrive = false;
        upstream.write(words, lose.heard);
        lose = undefined;
      } else upstream.write(words);
    });
    upstream.on('data', (words) => answersArrive && client.write(words));
  });

  /** Neither end outlives the other. */
  function join(client: Socket, upstream: Socket): void {
    sockets.add(client);
    for (const [socket, other] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      // 'close' follows; whoever uses the connection learns of it there.
      socket.on('error', () => {});
      socket.on('end', () => other.end());
      socket.on('close', () => {
        other.destroy();
        sockets.delete(client);
      });
    }
  }

  const cut = () => {
    server.close();
    for (const socket of sockets) socket.resetAndDestroy();
  };

  await listen(server, address);
  return {
    address,
    url: atAddress(targetUrl, address),
    get connections() {
      return sockets.size;
    },
    get upstreamPorts() {
      return [...upstreams].flatMap(({ localPort }) => localPort ?? []);
    },
    cut,
    loseAnswers() {
      answersArrive = false;
    },
    loseAnswersTo(words, spared = 0) {
      return new Promise((heard) => (lose = { words, heard, spared }));
    },
    async heal() {
      answersArrive = true;
      lose = undefined;
      if (!server.listening) await listen(server, address);
    },
    async close() {
      cut();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function listen(server: Server, { host, port }: { host: string; port: number }): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => {
      server.off('error', reject);
      resolve();
    });
  });
}
