import { type DatabaseKind } from './test-run.js';

/** A statement's text as this server reads it: what is in a comment for a version of the one is nothing to the other. */
export function asReadBy(kind: DatabaseKind, text: string): string {
  const [own, other] = {
    mysql: [/\/\*!80000([\s\S]*?)\*\//g, /\/\*M![\s\S]*?\*\//g],
    mariadb: [/\/\*M!([\s\S]*?)\*\//g, /\/\*!80000[\s\S]*?\*\//g],
    postgres: [],
    sqlite: [],
  }[kind];
  return own && other ? text.replace(own, '$1').replace(other, '').trim() : text;
}
