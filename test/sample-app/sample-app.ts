import { fileURLToPath } from 'node:url';
import { type NodeProcess, spawnNode } from '../support/spawn-node.js';

const MAIN = fileURLToPath(new URL('../../sample-app/main.js', import.meta.url));

/** Starts what `npm start` starts once the build is done, in an environment without the settings of this one. */
export function startSample(env: NodeJS.ProcessEnv, ...args: string[]): Promise<NodeProcess> {
  return spawnNode(MAIN, { args, env: { DATABASE_URL: undefined, PORT: undefined, ...env } });
}

/** How it ended and what it said; for the message of a test that fails. */
export async function finished(sample: NodeProcess): Promise<{ code: number | null; output: string }> {
  const { code } = await sample.exited;
  return { code, output: [...sample.lines, ...sample.errors].join('\n') };
}
