import { expect } from '@jest/globals';
import { type Point, pointsOf } from './fault-points.js';
import { FaultStage, Missed, type StageSettings } from './fault-stage.js';
import { type Fault } from './faults.js';
import { leftByAttempt, leftByDeath, leftOf, plant, type Planted } from './planted-tasks.js';
import { waitFor } from './wait-for.js';

/** What two instances go through, while at every statement of some works of the first of them a fault may happen. */
export interface Scenario extends StageSettings {
  /** Whose statements are meant: methods, as `Settler.send`. */
  readonly about: readonly string[];
  readonly tasks: Readonly<Record<string, Cast>>;
  /** The tasks are there before the first instance, and there is another one each time. */
  readonly isNew?: true;
  /** To the end, also if the fault happens. */
  readonly play: (stage: FaultStage) => Promise<void>;
  /** A fault is nobody's trouble, or that of who asked for the work. */
  readonly isUntold?: true;
  /** Resolves when what it has begun is over, also on an instance that comes to life again: else it would go on in the next play. */
  readonly over?: () => Promise<unknown>;
  /** What else must be so in the end. */
  readonly inTheEnd?: (stage: FaultStage) => Promise<void>;
  /** What the heir does beside taking over the tasks. */
  readonly inherit?: (stage: FaultStage) => Promise<void>;
}

/** A task and its part. */
export interface Cast extends Planted {
  /** It ran on an instance that has died before. */
  readonly diedBefore?: true;
  /** The first instance, which stops, hands it back though its handler has begun. */
  readonly handedBack?: true;
  /** Its handler is not called: what is left instead. */
  readonly neverRuns?: string;
  /** It may be called, if the person who wanted it so was not told that it is so. */
  readonly ifTold?: true;
}

const TRIES = 5;

/** A scenario, played again and again, each time with another fault. */
export class FaultPlay {
  private readonly stage: FaultStage;

  constructor(
    schema: FaultStage['schema'],
    private readonly scenario: Scenario,
  ) {
    this.stage = new FaultStage(schema, scenario);
  }

  /** Plays it without a fault. @returns every statement that it is about, and everybody who asked for one */
  async rehearse(): Promise<{ points: Point[]; askers: string[] }> {
    const { stage, scenario } = this;
    await this.playUntil(() => true);
    await this.check(await this.takeOver());
    const { works } = stage.faults;
    await this.leave();
    const askers = works.map(({ name }) => name);
    for (const name of scenario.about)
      if (!askers.includes(name)) throw new Error(`${name} asked for nothing`);
    return { points: pointsOf(works, scenario.about), askers };
  }

  /** Plays it with the fault at each of these statements. @throws at the first at which something goes wrong */
  async playWithEach(points: readonly Point[], fault: Fault): Promise<void> {
    for (const point of points)
      try {
        await this.playWith(point, fault);
      } catch (error) {
        await this.close();
        throw new Error(`${point.toString()} ${fault}: ${(error as Error).message}`, { cause: error });
      }
  }

  close(): Promise<void> {
    return this.stage.close();
  }

  /** Checks what has become of each task. */
  private async playWith(point: Point, fault: Fault): Promise<void> {
    const { faults } = this.stage;
    await this.playUntil(
      () => faults.happened,
      () => faults.arm(point, fault),
    );
    await this.check(await this.takeOver(), point);
    await this.scenario.inTheEnd?.(this.stage);
    if (!faults.dead && !this.scenario.isUntold) await this.checkTold();
    await this.leave();
  }

  /** Until it has taken the course that it was to take: where two things happen at a time, either may be first. */
  private async playUntil(isRight: () => boolean, prepare: () => void = () => {}): Promise<void> {
    const { stage, scenario } = this;
    for (let tries = 1; ; tries += 1)
      try {
        if (!stage.has('heir')) await stage.enter('heir');
        if (!scenario.isNew && !stage.has('first')) await stage.enter('first');
        await stage.rest();
        prepare();
        stage.ids = await plant(stage.schema, scenario.tasks);
        await scenario.play(stage);
        stage.faults.disarm();
        if (isRight()) return;
        throw new Missed('the point was not reached');
      } catch (error) {
        if (!(error instanceof Missed) || tries === TRIES) throw error;
        await stage.close();
      }
  }

  /** The heir finds that leases have run out. @returns the tasks that ran on the first instance when it died */
  private async takeOver(): Promise<string[]> {
    const { stage } = this;
    const { dead } = stage.faults;
    if (dead) await stage.locksAreFree();
    const charged = dead ? await stage.runningOnFirst() : [];
    const living = stage.living();
    const gone = async () => (await stage.ledger()).filter(({ id }) => !living.includes(id));
    if (!dead && !stage.stopping && (await gone()).length === 0) return [];
    await waitFor(
      async () => {
        for (const { id } of await gone())
          await stage.schema.query('UPDATE tbl_redo_worker SET lease_until = 0 WHERE id = ?', [id]);
        await stage.heir.redo.redrive();
        return (await gone()).length === 0;
      },
      { what: 'the heir to take over', interval: 1 },
    );
    if (dead) await this.scenario.inherit?.(stage);
    return charged;
  }

  /** Makes ready for the next play. */
  private async leave(): Promise<void> {
    const { stage } = this;
    stage.faults.revive();
    await this.scenario.over?.();
    await stage.stopping;
    if (stage.stopping || this.scenario.isNew) await stage.exit('first');
    stage.stopping = undefined;
    await stage.schema.query('DELETE FROM tbl_redo_pause');
  }

  private async check(charged: readonly string[], point?: Point): Promise<void> {
    const { scenario, stage } = this;
    const left = await leftOf(stage.schema, scenario.tasks);
    const runsOf = (name: string) =>
      stage.runs.filter((run) => run.name === name).map(({ by, attempt }) => `${by} ${attempt}`);
    const became = Object.entries(left).map(([name, row]) => ({ name, left: row, runs: runsOf(name) }));
    const expected = Object.keys(left).map((name) => ({ name, ...this.fateOf(name, charged) }));
    expect(became).toEqual(expected);
    // A mark without a run: it died between the two.
    if (point?.work.name !== 'Starter.begin')
      expect(charged.filter((name) => !this.hasRun(name, 'first'))).toEqual([]);
    expect(await stage.ledger()).toEqual(stage.living().map((id) => ({ id, held: '{}', running: '{}' })));
  }

  /** What the rules say: what is left of a task, and who has run which attempt of it. */
  private fateOf(name: string, charged: readonly string[]): { left: string; runs: string[] } {
    const cast = this.scenario.tasks[name] as Cast;
    const { neverRuns, ifTold, execTimes = 0, diedBefore, handedBack, maxAttempts } = cast;
    const wasNotTold = ifTold && this.stage.faults.dead && this.hasRun(name, 'heir');
    if (neverRuns !== undefined && !wasNotTold) return { left: neverRuns, runs: [] };
    const died = diedBefore ? 1 : 0;
    const attempt = execTimes + died + 1;
    const first = this.hasRun(name, 'first') ? [`first ${attempt}`] : [];
    if (!charged.includes(name)) {
      const runs = first.length > 0 && !handedBack ? first : [...first, `heir ${attempt}`];
      return { left: leftByAttempt(cast, attempt, died), runs };
    }
    if (attempt === maxAttempts) return { left: leftByDeath(attempt), runs: first };
    return {
      left: leftByAttempt(cast, attempt + 1, died + 1),
      runs: [...first, `heir ${attempt + 1}`],
    };
  }

  private hasRun(name: string, by: StageActor): boolean {
    return this.stage.runs.some((run) => run.name === name && run.by === by);
  }

  /** The first instance went on by itself, and said so; it told nothing twice. */
  private async checkTold(): Promise<void> {
    const { stage, scenario } = this;
    if (scenario.isPerson) return expect(stage.refusals).toBe(1);
    const { first } = stage;
    const handedBack = stage.runs.filter(({ by }) => by === 'heir').length;
    const troubles = new Set(first.all('trouble').map(({ doing }) => doing));
    expect(troubles.size).toBeGreaterThan(0);
    for (const doing of troubles)
      if (stage.stopping) expect(first.all('workerStopped')).toMatchObject([{ handedBack }]);
      else
        await waitFor(() => first.all('recovered').some((each) => each.doing === doing), {
          what: `'recovered' after the trouble to ${doing}`,
        });
    expect(first.all('leaseLost')).toEqual([]);
    const told = first.happenings.filter(({ name }) => SETTLED.includes(name));
    expect(new Set(told.map((each) => JSON.stringify(each))).size).toBe(told.length);
  }
}

type StageActor = FaultStage['runs'][number]['by'];

const SETTLED = ['succeeded', 'failed', 'postponed', 'dead', 'parked'];
