import { Injectable } from '@nestjs/common';

/** What one pass did on this instance. */
export interface RedrivePass {
  claimed: number;
  succeeded: number;
  /** Failed attempts that will be followed by another. */
  failed: number;
  postponed: number;
  dead: number;
  parked: number;
}

export const emptyPass = (): RedrivePass => ({
  claimed: 0,
  succeeded: 0,
  failed: 0,
  postponed: 0,
  dead: 0,
  parked: 0,
});

/** Passes that somebody waits for: they end together, once nothing that was due is left with this instance. */
@Injectable()
export class PassesUnderWay {
  private readonly waiting: {
    readonly pass: RedrivePass;
    readonly resolve: (pass: RedrivePass) => void;
    readonly reject: (error: Error) => void;
  }[] = [];

  get any(): boolean {
    return this.waiting.length > 0;
  }

  begin(): Promise<RedrivePass> {
    return new Promise((resolve, reject) => this.waiting.push({ pass: emptyPass(), resolve, reject }));
  }

  count(what: keyof RedrivePass, many = 1): void {
    for (const { pass } of this.waiting) pass[what] += many;
  }

  finish(): void {
    for (const { pass, resolve } of this.waiting.splice(0)) resolve(pass);
  }

  fail(error: Error): void {
    for (const { reject } of this.waiting.splice(0)) reject(error);
  }
}
