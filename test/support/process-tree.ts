import { readdir, readFile } from 'node:fs/promises';

/** The processes that a process has started and that are still its own. Only Linux tells; elsewhere there are none. */
export async function childrenOf(pid: number): Promise<number[]> {
  const processes = (await readdir('/proc').catch(() => [])).filter((name) => /^\d+$/.test(name));
  const parents = await Promise.all(processes.map(parentOf));
  return processes.flatMap((name, index) => (parents[index] === pid ? [Number(name)] : []));
}

async function parentOf(pid: string): Promise<number | undefined> {
  // It may have ended since.
  const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '');
  return Number(/^PPid:\s*(\d+)/m.exec(status)?.[1]);
}
