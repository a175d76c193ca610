#!/usr/bin/env node
// Prints "N passed, N failed" from a file that `jest --json --outputFile` wrote.
import { readFileSync } from 'node:fs';

const { numPassedTests, numFailedTests, numRuntimeErrorTestSuites } = JSON.parse(
  readFileSync(process.argv[2], 'utf8'),
);
// A file that can't be loaded has no tests to fail, and still is a failure.
console.log(`${numPassedTests} passed, ${numFailedTests + numRuntimeErrorTestSuites} failed`);
