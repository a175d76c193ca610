import { Inject, Injectable, Optional } from '@nestjs/common';
import { SchedulerRegistry } from '@nestjs/schedule';
import { CronJob } from 'cron';
import { RedoConfigurationError } from '../redo.errors.js';
import { noScheduleModule } from '../redo.messages.js';
import { REDO_OPTIONS, type ResolvedRedoOptions } from '../redo.options.js';
import { RedriveCycle } from './redrive.cycle.js';
import { RetentionSweeper } from './retention.sweeper.js';

/** Name of the redrive job in the `SchedulerRegistry`. */
export const REDRIVE_JOB = 'redo.redrive';

/** The scheduled job. A tick only rings the engine's bell, so a run never overlaps itself. */
@Injectable()
export class RedriveScheduler {
  constructor(
    @Inject(REDO_OPTIONS) private readonly options: ResolvedRedoOptions,
    private readonly cycle: RedriveCycle,
    private readonly sweeper: RetentionSweeper,
    @Optional() private readonly jobs?: SchedulerRegistry,
  ) {}

  /**
   * Starts the job and the engine; does nothing on an instance that does not redrive.
   *
   * @throws {RedoConfigurationError} the application does not import `ScheduleModule.forRoot()`
   */
  start(): void {
    if (!this.jobs) throw new RedoConfigurationError(noScheduleModule());
    if (!this.options.worker) return;
    const tick = () => {
      this.cycle.tick();
      this.sweeper.tick();
    };
    const { schedule } = this.options;
    if ('cron' in schedule) {
      const job = new CronJob(schedule.cron, tick, null, true);
      this.jobs.addCronJob(REDRIVE_JOB, job);
    } else this.jobs.addInterval(REDRIVE_JOB, setInterval(tick, schedule.interval));
    this.cycle.start();
  }

  async stop(): Promise<void> {
    if (this.jobs?.doesExist('interval', REDRIVE_JOB)) this.jobs.deleteInterval(REDRIVE_JOB);
    if (this.jobs?.doesExist('cron', REDRIVE_JOB)) this.jobs.deleteCronJob(REDRIVE_JOB);
    await Promise.all([this.cycle.stop(), this.sweeper.stop()]);
  }
}
