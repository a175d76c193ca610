import { createServer } from 'node:net';

const LOWEST = 20_000;
const COUNT = 10_000;

/**
 * A loopback port nobody listens on. It lies below the range from which systems take the ports of outgoing
 * connections, so that a server which is killed and restarted finds its port still free.
 */
export async function freePort(): Promise<number> {
  for (let tries = 0; tries < 100; tries++) {
    const port = LOWEST + Math.floor(Math.random() * COUNT);
    if (await canListen(port)) return port;
  }
  throw new Error(`no free port on 127.0.0.1 between ${LOWEST} and ${LOWEST + COUNT}`);
}

function canListen(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.once('error', () => resolve(false));
    probe.listen(port, '127.0.0.1', () => probe.close(() => resolve(true)));
  });
}
