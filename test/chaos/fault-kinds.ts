import { type DatabaseKind } from '../support/test-run.js';
import { LEASE } from './settings.js';

/** What a kind of fault is, apart from how it is done (`faults/`). */
export interface FaultKindInfo {
  /** Faults of one lane come one after the other; the lanes run beside each other. */
  readonly lane: 'worker' | 'server';
  /** Whose lease may be lost by it. A lease that is lost with none of these about is a finding. */
  readonly costsLease: 'nobody' | 'its worker' | 'everybody';
  /** How long it lasts at least and at most, ms; 0: it is a moment. */
  readonly lasts: readonly [number, number];
  readonly on: 'servers' | 'sqlite' | 'all';
}

const moment = [0, 0] as const;
const [third, whole, more] = [LEASE / 3, LEASE, 2 * LEASE];

export const FAULT_KINDS = {
  'worker killed': { lane: 'worker', costsLease: 'its worker', lasts: moment, on: 'all' },
  'worker paused': { lane: 'worker', costsLease: 'its worker', lasts: [1.2 * whole, more], on: 'all' },
  'worker stopped': { lane: 'worker', costsLease: 'its worker', lasts: moment, on: 'all' },
  'network cut': { lane: 'worker', costsLease: 'its worker', lasts: [third, more], on: 'servers' },
  'network slow': { lane: 'worker', costsLease: 'its worker', lasts: [third, more], on: 'servers' },
  'network half-open': { lane: 'worker', costsLease: 'its worker', lasts: [third, more], on: 'servers' },
  'answer to COMMIT lost': { lane: 'worker', costsLease: 'its worker', lasts: [third, whole], on: 'servers' },
  'pool exhausted': { lane: 'worker', costsLease: 'its worker', lasts: [third, more], on: 'servers' },
  'clock moved': { lane: 'worker', costsLease: 'nobody', lasts: [third, whole], on: 'servers' },

  'server killed': { lane: 'server', costsLease: 'everybody', lasts: [0, whole], on: 'servers' },
  'server restarted': { lane: 'server', costsLease: 'everybody', lasts: [0, third], on: 'servers' },
  'connections killed': { lane: 'server', costsLease: 'nobody', lasts: [third, whole], on: 'servers' },
  'connection killed in claim': { lane: 'server', costsLease: 'nobody', lasts: moment, on: 'servers' },
  'connection killed in renew': { lane: 'server', costsLease: 'nobody', lasts: moment, on: 'servers' },
  'connection killed in settle': { lane: 'server', costsLease: 'nobody', lasts: moment, on: 'servers' },
  'connection killed at COMMIT': { lane: 'server', costsLease: 'nobody', lasts: moment, on: 'servers' },
  'lock row held': { lane: 'server', costsLease: 'nobody', lasts: [20_000, 20_000], on: 'servers' },
  'disk slow': { lane: 'server', costsLease: 'everybody', lasts: [third, more], on: 'servers' },
  'file locked': { lane: 'server', costsLease: 'everybody', lasts: [third, more], on: 'sqlite' },
} satisfies Record<string, FaultKindInfo>;

export type FaultKind = keyof typeof FAULT_KINDS;

export const kindInfo = (kind: FaultKind): FaultKindInfo => FAULT_KINDS[kind];

/** On SQLite a process that is stopped in the middle of a write holds the file. */
export const costsLease = (kind: FaultKind, database: DatabaseKind): FaultKindInfo['costsLease'] =>
  database === 'sqlite' && kind === 'worker paused' ? 'everybody' : kindInfo(kind).costsLease;

export const kindsOf = (lane: FaultKindInfo['lane'], database: DatabaseKind): FaultKind[] =>
  (Object.keys(FAULT_KINDS) as FaultKind[]).filter((kind) => {
    const info = kindInfo(kind);
    return info.lane === lane && (info.on === 'all' || (info.on === 'sqlite') === (database === 'sqlite'));
  });
