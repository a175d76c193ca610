import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { cpus, release, totalmem } from 'node:os';
import { dirname, join } from 'node:path';

const require = createRequire(import.meta.url);

/** What the figures were measured on and with. */
export async function describeMachine(servers, libraries, loadSide, results) {
  const packages = {};
  for (const { entries } of results)
    for (const { contestant } of entries) {
      const side = await loadSide(contestant.side);
      if (side.package !== 'nestjs-redo') packages[side.package] ??= versionOf(side.package);
    }
  return {
    date: new Date().toISOString(),
    processor: `${cpus()[0].model.trim()}, ${cpus().length} cores`,
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    system: `Linux ${release()}`,
    node: process.version,
    library: libraries.map(({ name, version, commit }) => `nestjs-redo ${version} (${name}, ${commit})`),
    servers: Object.fromEntries(
      servers.all.map(({ store, version, durability }) => [store, { version, ...durability }]),
    ),
    packages,
  };
}

/** Not by `require('…/package.json')`: not every package exports it. */
function versionOf(name) {
  for (let folder = dirname(require.resolve(name)); folder !== '/'; folder = dirname(folder)) {
    try {
      const manifest = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
      if (manifest.name === name) return manifest.version;
    } catch {
      // A folder further up has it.
    }
  }
  return 'unknown';
}
