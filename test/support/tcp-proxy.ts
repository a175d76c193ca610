import { createConnection, createServer, type Server, type Socket } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
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
  /** Nothing passes in either direction, and neither end learns that the other one has closed. `heal` resets what was frozen. */
  freeze(): void;
  /** Whatever passes is this late, in either direction; asked for each packet, ms. */
  delay(ms: () => number): void;
  /** The server's answers to these words (`COMMIT`) are this late, ms. */
  delayAnswersTo(words: string, ms: () => number): void;
  /** The server still hears every word, but its answers are lost: a COMMIT may land and nobody knows. */
  loseAnswers(): void;
  /**
   * The same, from the moment on when a client says these words (`COMMIT`), after it was answered `spared` times. Resolves
   * once the server has heard them.
   */
  loseAnswersTo(words: string, spared?: number): Promise<void>;
  /** Keeps these words from the server the next time a client says them. Resolves once it has. */
  holdBack(words: string): Promise<HeldBack>;
  /** The same, but they reach the server also if the client has given them up and closed its connection meanwhile. */
  makeLate(words: string): Promise<LateWords>;
  /** Accepts connections again and passes everything on, on the same port. */
  heal(): Promise<void>;
  close(): Promise<void>;
}

/** A client that waits for the server's answer to words that the server has not heard yet. */
export interface HeldBack {
  /** How the server knows the connection; see `upstreamPorts`. */
  readonly port: number | undefined;
  readonly release: () => void;
}

/** Words on their way that the server has not heard yet. */
export interface LateWords {
  /** Resolves once the server has heard them, and has done what they say, where the client is gone. */
  readonly arrive: () => Promise<void>;
}

export async function startTcpProxy(targetUrl: string): Promise<TcpProxy> {
  const target = parseServerUrl(targetUrl);
  const address = { host: '127.0.0.1', port: await freePort() };
  const sockets = new Set<Socket>();
  const upstreams = new Set<Socket>();
  /** Connections to the server that stay when their clients have gone. */
  const outlives = new Set<Socket>();
  let answersArrive = true;
  let frozen = false;
  let lateness = () => 0;
  let lateAnswers: { readonly words: string; readonly ms: () => number } | undefined;
  let lose: { readonly words: string; readonly heard: () => void; spared: number } | undefined;
  let hold: { readonly words: string; readonly tell: (held: HeldBack) => void } | undefined;
  let makeLate: { readonly words: string; readonly tell: (late: LateWords) => void } | undefined;

  const server = createServer((client) => {
    sockets.add(client);
    if (frozen) return client.on('error', () => {});
    const upstream = createConnection({ host: target.host, port: target.port, noDelay: true });
    client.setNoDelay(true);
    join(client, upstream);
    upstreams.add(upstream);
    upstream.on('close', () => upstreams.delete(upstream));
    const say = inOrder(upstream);
    const answer = inOrder(client);
    let late = () => 0;
    client.on('data', (words) => {
      if (frozen) return;
      if (lateAnswers && says(words, lateAnswers.words)) late = lateAnswers.ms;
      if (lose && says(words, lose.words) && lose.spared-- === 0) {
        answersArrive = false;
        upstream.write(words, lose.heard);
        lose = undefined;
      } else if (makeLate && says(words, makeLate.words)) {
        outlives.add(upstream);
        const closed = new Promise<void>((resolve) => upstream.once('close', () => resolve()));
        makeLate.tell({
          arrive: () => {
            upstream.end(words);
            return closed;
          },
        });
        makeLate = undefined;
      } else if (hold && says(words, hold.words)) {
        const release = new Promise<void>((resolve) =>
          hold?.tell({ port: upstream.localPort, release: resolve }),
        );
        hold = undefined;
        say(words, release);
      } else say(words, wait(lateness()));
    });
    upstream.on('data', (words) => {
      if (frozen || !answersArrive) return;
      answer(words, wait(lateness() + late()));
      late = () => 0;
    });
  });

  /** Neither end outlives the other. */
  function join(client: Socket, upstream: Socket): void {
    for (const [socket, other] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      // 'close' follows; whoever uses the connection learns of it there.
      socket.on('error', () => {});
      const goesToo = () => !frozen && !outlives.has(other);
      socket.on('end', () => goesToo() && other.end());
      socket.on('close', () => {
        if (goesToo()) other.destroy();
        sockets.delete(client);
      });
    }
  }

  const reset = () => {
    for (const socket of [...sockets, ...upstreams]) socket.resetAndDestroy();
    sockets.clear();
  };
  const cut = () => {
    server.close();
    reset();
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
    freeze() {
      frozen = true;
    },
    delay(ms) {
      lateness = ms;
    },
    delayAnswersTo(words, ms) {
      lateAnswers = { words, ms };
    },
    loseAnswers() {
      answersArrive = false;
    },
    loseAnswersTo(words, spared = 0) {
      return new Promise((heard) => (lose = { words, heard, spared }));
    },
    holdBack(words) {
      return new Promise((tell) => (hold = { words, tell }));
    },
    makeLate(words) {
      return new Promise((tell) => (makeLate = { words, tell }));
    },
    async heal() {
      answersArrive = true;
      lateness = () => 0;
      lateAnswers = lose = hold = makeLate = undefined;
      if (frozen) reset();
      frozen = false;
      if (!server.listening) await listen(server, address);
    },
    async close() {
      cut();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** Whether a client says these words just now; `COMMIT` is none of `READ COMMITTED`. */
function says(packet: Buffer, words: string): boolean {
  const text = packet.toString('latin1');
  for (let at = text.indexOf(words); at >= 0; at = text.indexOf(words, at + 1))
    if (!/\w\w/.test(text.slice(at + words.length - 1, at + words.length + 1))) return true;
  return false;
}

/** Writes in the order of the calls, each once it is `ready`; at once where nothing is waited for. */
function inOrder(socket: Socket): (words: Buffer, ready: Promise<void> | undefined) => void {
  let waiting = 0;
  let last = Promise.resolve();
  const write = (words: Buffer) => socket.writable && socket.write(words);
  return (words, ready) => {
    if (!ready && waiting === 0) return void write(words);
    waiting += 1;
    last = last
      .then(() => ready)
      .then(() => {
        waiting -= 1;
        write(words);
      });
  };
}

const wait = (ms: number): Promise<void> | undefined => (ms > 0 ? pause(ms) : undefined);

function listen(server: Server, { host, port }: { host: string; port: number }): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => {
      server.off('error', reject);
      resolve();
    });
  });
}
