#!/usr/bin/env node
// Is what would be published complete, free of what is not the user's business, and usable: from ESM and from
// CommonJS, with typed strict code, on the newest and on the oldest NestJS and TypeORM that package.json admits?
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

const GENERATIONS = [
  {
    name: 'nest-12-typeorm-1',
    packages: [
      '@nestjs/common@12',
      '@nestjs/core@12',
      '@nestjs/schedule@12',
      '@nestjs/typeorm@12',
      'typeorm@1',
    ],
  },
  {
    name: 'nest-11-typeorm-0.3.20',
    packages: [
      '@nestjs/common@11',
      '@nestjs/core@11',
      '@nestjs/schedule@5',
      '@nestjs/typeorm@11',
      'typeorm@0.3.20',
    ],
  },
];

const EXPORTS = {
  'nestjs-redo': ['RedoModule', 'RedoManager', 'RedoHandler', 'RedoResult', 'RedoTask'],
  'nestjs-redo/migrations': ['redoMigrations'],
};

/** Adds one task and ends when it was handled. */
const APPLICATION = `
import 'reflect-metadata';
import { Injectable, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { ScheduleModule } from '@nestjs/schedule';
import { TypeOrmModule } from '@nestjs/typeorm';
import libsql from 'libsql';
import { type RedoContext, RedoHandler, RedoManager, RedoModule, RedoResult } from 'nestjs-redo';
import { redoMigrations } from 'nestjs-redo/migrations';

// TypeORM 0.3 calls the driver without \`new\`, which a class does not allow.
function sqlite(path: string, options: object) {
  return new libsql(path, options);
}

let handled: () => void;
const done = new Promise<void>((resolve) => { handled = resolve; });

@Injectable()
class Greeter {
  @RedoHandler('greet', { maxAttempts: 3 })
  async greet(params: { name: string }, context: RedoContext): Promise<RedoResult> {
    console.log(\`hello \${params.name}, attempt \${context.attempt}\`);
    handled();
    return RedoResult.SUCCESS;
  }
}

@Module({
  imports: [
    TypeOrmModule.forRoot({
      type: 'better-sqlite3',
      driver: sqlite,
      database: process.argv[1] + '.db',
      autoLoadEntities: true,
      migrations: redoMigrations,
      migrationsRun: true,
      retryAttempts: 0,
    }),
    ScheduleModule.forRoot(),
    RedoModule.forRoot('check-package'),
  ],
  providers: [Greeter],
})
class AppModule {}

async function main(): Promise<void> {
  const app = await NestFactory.createApplicationContext(AppModule, { logger: ['error', 'warn'] });
  const { created } = await app.get(RedoManager).addRedoTask('greet', { name: 'package' });
  if (!created) throw new Error('the task was not created');
  await done;
  await app.close();
  console.log('closed');
}
void main();
`;

await main(async () => {
  const { tarball, files } = pack();
  checkContents(files);
  console.log(`contents: ${files.length} files`);

  console.log(run(root, 'npx', ['--no-install', 'publint', tarball, '--strict']).trim());

  for (const { name, packages } of GENERATIONS) {
    await checkGeneration(name, packages, tarball);
    console.log(`${name}: imports, requires, type-checks, runs`);
  }
});

function checkContents(files) {
  const own =
    /^(package\.json|README\.md|LICENSE|CHANGELOG\.md|dist\/(lib|migrations)\/.+\.(js|d\.ts|js\.map|html|css))$/;
  const strange = files.filter((file) => !own.test(file) || /\.spec\.|\/(test|sample-app)\//.test(file));
  if (strange.length > 0) throw new Error(`the package must not contain ${strange.join(', ')}`);
  for (const file of ['README.md', 'LICENSE', 'CHANGELOG.md']) {
    if (!files.includes(file)) throw new Error(`the package lacks ${file}`);
  }
}

async function checkGeneration(name, packages, tarball) {
  const app = createApp(name, {
    packages: [
      ...packages,
      tarball,
      'rxjs@7',
      'reflect-metadata@0.2',
      ...['libsql', 'typescript', '@types/node'].map(developedWith),
    ],
    files: {
      'import.mjs': Object.keys(EXPORTS)
        .map((entry) => checkExports(entry, `await import('${entry}')`))
        .join('\n'),
      'require.cjs': Object.keys(EXPORTS)
        .map((entry) => checkExports(entry, `require('${entry}')`))
        .join('\n'),
      'src/esm.mts': APPLICATION,
      'src/commonjs.cts': APPLICATION,
      'tsconfig.json': JSON.stringify({
        compilerOptions: { ...compilerOptions, skipLibCheck: false },
        include: ['src'],
      }),
    },
  });
  run(app, process.execPath, ['import.mjs']);
  run(app, process.execPath, ['require.cjs']);
  compile(app);
  for (const script of ['dist/esm.mjs', 'dist/commonjs.cjs']) {
    await runUntilPrinted(app, script, ['hello package, attempt 1', 'closed'], 30);
  }
}

function checkExports(entry, load) {
  return `{
    const loaded = ${load};
    for (const name of ${JSON.stringify(EXPORTS[entry])}) {
      if (loaded[name] === undefined) throw new Error(\`${entry} does not export \${name}\`);
    }
  }`;
}

/** All declarations are checked, ours must be right; other packages' mistakes are not our business. */
function compile(app) {
  let report = '';
  try {
    run(app, process.execPath, [
      join('node_modules', 'typescript', 'bin', 'tsc'),
      '-p',
      '.',
      '--pretty',
      'false',
    ]);
  } catch (error) {
    report = error.message;
  }
  const ours = report
    .split('\n')
    .filter((line) => /error TS/.test(line))
    .filter((line) => !line.startsWith('node_modules/') || line.startsWith('node_modules/nestjs-redo/'));
  if (ours.length > 0) throw new Error(`types, in ${app}:\n${ours.join('\n')}`);
}
