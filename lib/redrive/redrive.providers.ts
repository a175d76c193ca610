import { Backlog } from './backlog.js';
import { Bell } from './bell.js';
import { Claimer } from './claimer.js';
import { DatabaseClock } from './database.clock.js';
import { LastWrite } from './last.write.js';
import { Loops } from './loops.js';
import { Overtime } from './overtime.js';
import { RedriveCycle } from './redrive.cycle.js';
import { PassesUnderWay } from './redrive.pass.js';
import { RedriveScheduler } from './redrive.scheduler.js';
import { Registrar } from './registrar.js';
import { RetentionSweeper } from './retention.sweeper.js';
import { Settler } from './settler.js';
import { Starter } from './starter.js';
import { Troubles } from './troubles.js';

/** The engine's parts, one of each to an application. */
export const REDRIVE_PROVIDERS = [
  Bell,
  DatabaseClock,
  PassesUnderWay,
  Troubles,
  Backlog,
  Registrar,
  Claimer,
  Overtime,
  Starter,
  Settler,
  LastWrite,
  Loops,
  RedriveCycle,
  RetentionSweeper,
  RedriveScheduler,
];
