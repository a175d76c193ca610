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
  // One more than the cores of a CI machine: tests wait for databases, processes and clocks about a third of their time.
  maxWorkers: 3,
};
