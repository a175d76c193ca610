/** One try of one work: who asked for it, and what it sent so far. */
export interface WorkDone {
  /** The method: `Settler.send`. */
  readonly name: string;
  readonly statements: string[];
}

/** One statement of one work of the engine, known by those before it. */
export class Point {
  constructor(
    readonly work: WorkDone,
    /** Counted from 1. */
    readonly number: number,
  ) {}

  isReachedBy({ name, statements }: WorkDone): boolean {
    return (
      name === this.work.name && this.pathOf(statements) === this.path && statements.length === this.number
    );
  }

  /** It changes what is committed. */
  get commits(): boolean {
    return hasCommitted(this.work) ? isCommit(this.text) : !this.text.startsWith('SELECT');
  }

  get path(): string {
    return this.pathOf(this.work.statements);
  }

  private pathOf(statements: readonly string[]): string {
    return statements.slice(0, this.number).map(head).join('; ');
  }

  private get text(): string {
    return this.work.statements[this.number - 1] ?? '';
  }

  toString(): string {
    return `${this.work.name}, statement ${this.number} of ${this.work.statements.length} (${head(this.text)})`;
  }
}

/** Every statement of these works, once. */
export function pointsOf(works: readonly WorkDone[], about: readonly string[]): Point[] {
  const points = new Map<string, Point>();
  for (const work of works.filter(({ name }) => about.includes(name)))
    for (const index of work.statements.keys()) {
      const point = new Point(work, index + 1);
      const key = `${work.name}: ${point.path}`;
      if (!points.has(key)) points.set(key, point);
    }
  return [...points.values()];
}

/** All that it was for is done. */
export const hasCommitted = ({ statements }: WorkDone): boolean => statements.some(isCommit);

const isCommit = (text: string) => text.startsWith('COMMIT');

/** Which statement it is, without what differs from run to run. */
const head = (text: string) => (text.length > 40 ? `${text.slice(0, 40)}…` : text);
