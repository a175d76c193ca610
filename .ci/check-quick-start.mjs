#!/usr/bin/env node
// Does the README's quick start work as printed? Under its heading "Quick start",
// - a code block whose first line is a comment with a path (`// src/app.module.ts`) is that file,
// - `npm install …` in a shell block is what the reader installs into a new NestJS application,
// - `<!-- quick-start expects: … -->` is a text that `src/main.ts` must print in the end.
//
//   .ci/check-quick-start.mjs [README.md]
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  compilerOptions,
  createApp,
  developedWith,
  main,
  pack,
  root,
  run,
  runUntilPrinted,
} from './temporary-app.mjs';

// What `nest new` gives.
const NEW_APPLICATION = [
  '@nestjs/common@12',
  '@nestjs/core@12',
  '@nestjs/platform-express@12',
  'rxjs@7',
  'reflect-metadata@0.2',
];

await main(async () => {
  const readme = process.argv[2] ?? join(root, 'README.md');
  const { files, installs, expected } = parse(section(readFileSync(readme, 'utf8')));
  const { tarball } = pack();
  const app = createApp('quick-start', {
    packages: [
      ...NEW_APPLICATION,
      ...['typescript', '@types/node'].map(developedWith),
      ...installs.map((name) => (name === 'nestjs-redo' ? tarball : name)),
    ],
    files: {
      'tsconfig.json': JSON.stringify({
        compilerOptions: { ...compilerOptions, skipLibCheck: true },
        include: ['src'],
      }),
      ...files,
    },
  });
  run(app, process.execPath, [join('node_modules', 'typescript', 'bin', 'tsc'), '-p', '.']);
  await runUntilPrinted(app, join('dist', 'main.js'), expected, 60);
  console.log(`quick start: ${Object.keys(files).join(', ')} compile and print "${expected.join('", "')}"`);
});

function section(text) {
  const start = /^## Quick start\s*$/im.exec(text);
  if (!start) throw new Error('the README has no section "## Quick start"');
  const rest = text.slice(start.index + start[0].length);
  const end = endOfSection(rest);
  return rest.slice(0, end);
}

/** Where the next section begins; a line of code may look like a heading. */
function endOfSection(text) {
  let position = 0;
  let inCode = false;
  for (const line of text.split('\n')) {
    if (line.startsWith('```')) inCode = !inCode;
    if (!inCode && /^##? /.test(line)) return position;
    position += line.length + 1;
  }
  return text.length;
}

function parse(text) {
  const files = {};
  const installs = [];
  for (const [, language, code] of text.matchAll(/^```(\w*)[^\n]*\n(.*?)^```\s*$/gms)) {
    const path = /^(?:\/\/|#)\s*([\w./-]+\.\w+)\s*$/m.exec(code.split('\n', 1)[0])?.[1];
    if (path && files[path]) throw new Error(`the quick start shows ${path} twice`);
    if (path) files[path] = code;
    else if (['sh', 'bash', 'shell', 'console'].includes(language)) installs.push(...installedPackages(code));
  }
  const expected = [...text.matchAll(/<!--\s*quick-start expects:\s*(.*?)\s*-->/g)].map(([, line]) => line);
  if (!files['src/main.ts']) throw new Error('the quick start shows no src/main.ts');
  if (!installs.includes('nestjs-redo')) throw new Error('the quick start does not install nestjs-redo');
  if (expected.length === 0) throw new Error('the quick start says nowhere what it expects to be printed');
  return { files, installs, expected };
}

function installedPackages(code) {
  return [...code.matchAll(/^(?:\$ )?npm (?:install|i|add) (.+)$/gm)]
    .flatMap(([, names]) => names.replace(/\s#.*$/, '').split(/\s+/))
    .filter((name) => name && !name.startsWith('-'));
}
