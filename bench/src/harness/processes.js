import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

/** /proc counts CPU time in these, whatever the kernel's own clock is. */
const TICK_MS = 10;

/** ms of CPU time that the whole machine has spent working since it started. */
export function machineBusy() {
  const [, user, nice, system, , , irq, softirq, steal] = firstLine('/proc/stat').split(/\s+/).map(Number);
  return (user + nice + system + irq + softirq + steal) * TICK_MS;
}

/** ms of CPU time that these processes and all below them have spent, children that have ended included. */
export function busy(roots) {
  let total = 0;
  for (const { stat } of trees(roots)) total += stat.busy;
  return total;
}

/** Bytes of memory in use by these processes and all below them. */
export function residentBytes(roots) {
  return trees(roots).reduce((sum, { stat }) => sum + stat.resident, 0);
}

function trees(roots) {
  const all = new Map();
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    const stat = statOf(name);
    if (stat) all.set(Number(name), stat);
  }
  const found = new Map();
  const wanted = [...roots];
  while (wanted.length > 0) {
    const pid = wanted.pop();
    const stat = all.get(pid);
    if (!stat || found.has(pid)) continue;
    found.set(pid, stat);
    for (const [child, { parent }] of all) if (parent === pid) wanted.push(child);
  }
  return [...found].map(([pid, stat]) => ({ pid, stat }));
}

function statOf(pid) {
  let text;
  try {
    text = readFileSync(`/proc/${pid}/stat`, 'utf8');
  } catch {
    return undefined; // it has ended
  }
  // The name, in brackets, may hold spaces; the fields after it are counted from the state on.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  const [user, system, childUser, childSystem] = fields.slice(11, 15).map(Number);
  return {
    parent: Number(fields[1]),
    busy: (user + system + childUser + childSystem) * TICK_MS,
    resident: Number(fields[21]) * 4_096,
  };
}

/** The process that listens on this TCP port of this machine, or undefined: it is elsewhere, or not ours to see. */
export function pidListeningOn(port) {
  const inodes = new Set();
  for (const table of ['/proc/net/tcp', '/proc/net/tcp6']) {
    for (const line of readFileSync(table, 'utf8').split('\n').slice(1)) {
      const fields = line.trim().split(/\s+/);
      if (fields[3] === '0A' && parseInt(fields[1]?.split(':')[1] ?? '', 16) === port) inodes.add(fields[9]);
    }
  }
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    for (const descriptor of namesIn(`/proc/${name}/fd`)) {
      const inode = /^socket:\[(\d+)\]$/.exec(linkOf(`/proc/${name}/fd/${descriptor}`))?.[1];
      if (inode && inodes.has(inode)) return Number(name);
    }
  }
  return undefined;
}

const firstLine = (path) => readFileSync(path, 'utf8').split('\n', 1)[0];

function namesIn(folder) {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

function linkOf(path) {
  try {
    return readlinkSync(path);
  } catch {
    return '';
  }
}
