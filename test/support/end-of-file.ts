import { readFile } from 'node:fs/promises';

const LINES = 25;

/** The last lines of a log. */
export async function endOfFile(path: string): Promise<string> {
  return (await readFile(path, 'utf8')).trimEnd().split('\n').slice(-LINES).join('\n');
}
