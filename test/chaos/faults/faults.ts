import { type FaultKind } from '../fault-kinds.js';
import { cutNetwork, freezeNetwork, loseCommitAnswer, slowDisk, slowNetwork } from './network-faults.js';
import {
  holdLockRow,
  killConnectionAt,
  killConnections,
  killServer,
  lockFile,
  restartServer,
} from './server-faults.js';
import { type DoFault } from './stage.js';
import { exhaustPool, killWorker, moveClock, pauseWorker, stopWorker } from './worker-faults.js';

/** How each kind of fault is done. */
export const FAULTS: Readonly<Record<FaultKind, DoFault>> = {
  'worker killed': killWorker,
  'worker paused': pauseWorker,
  'worker stopped': stopWorker,
  'network cut': cutNetwork,
  'network slow': slowNetwork,
  'network half-open': freezeNetwork,
  'answer to COMMIT lost': loseCommitAnswer,
  'pool exhausted': exhaustPool,
  'clock moved': moveClock,
  'server killed': killServer,
  'server restarted': restartServer,
  'connections killed': killConnections,
  'connection killed in claim': killConnectionAt('tbl_pessimistic_lock'),
  'connection killed in renew': killConnectionAt('UPDATE tbl_redo_worker'),
  // The locking of the tasks that ended: the first statement of every settlement.
  'connection killed in settle': killConnectionAt('id, status, exec_times'),
  'connection killed at COMMIT': killConnectionAt('COMMIT'),
  'lock row held': holdLockRow,
  'disk slow': slowDisk,
  'file locked': lockFile,
};
