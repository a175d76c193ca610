/** Jest runs what `nest build` compiled: the tests meet the very files that the package ships. */
export default {
  rootDir: 'dist/test',
  testMatch: ['**/*.spec.js'],
  testEnvironment: 'node',
  transform: {},
  globalSetup: './support/global-setup.js',
  globalTeardown: './support/global-teardown.js',
  testSequencer: './support/longest-first.cjs',
  testTimeout: 60_000,
  // Tests wait for databases and processes more than they compute.
  maxWorkers: 2,
};
