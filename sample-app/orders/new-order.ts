import { BadRequestException } from '@nestjs/common';

/** What `POST /orders` takes. */
export interface NewOrder {
  readonly partner: string;
  readonly item: string;
  readonly quantity: number;
  /** The order is withdrawn from the partner if it could not be told for so long. @default no limit */
  readonly notifyWithinSeconds?: number;
}

interface Rule {
  readonly allowed: string;
  accepts(value: unknown): boolean;
}

const wholeNumber = (from: number, to: number): Rule => ({
  allowed: `a whole number from ${from} to ${to}`,
  accepts: (value) => Number.isInteger(value) && (value as number) >= from && (value as number) <= to,
});

const RULES: Readonly<Record<keyof NewOrder, Rule>> = {
  partner: {
    allowed: '1 to 40 of the characters a-z, 0-9 and -',
    accepts: (value) => typeof value === 'string' && /^[a-z0-9-]{1,40}$/.test(value),
  },
  item: {
    allowed: 'a text of 1 to 100 characters',
    accepts: (value) => typeof value === 'string' && value.trim() !== '' && [...value].length <= 100,
  },
  quantity: wholeNumber(1, 1_000),
  notifyWithinSeconds: {
    ...wholeNumber(1, 86_400),
    allowed: 'nothing, or a whole number from 1 to 86400',
    accepts: (value) => value === undefined || wholeNumber(1, 86_400).accepts(value),
  },
};

/** @throws {BadRequestException} naming every field that is wrong, and what is allowed */
export function checkNewOrder(body: unknown): NewOrder {
  if (typeof body !== 'object' || body === null || Array.isArray(body))
    throw new BadRequestException(`the body must be a JSON object with ${Object.keys(RULES).join(', ')}`);
  const given = body as Record<string, unknown>;
  const problems = [
    ...Object.keys(given)
      .filter((field) => !Object.hasOwn(RULES, field))
      .map((field) => `there is no field ${field}; allowed: ${Object.keys(RULES).join(', ')}`),
    ...Object.entries(RULES)
      .filter(([field, rule]) => !rule.accepts(given[field]))
      .map(
        ([field, { allowed }]) =>
          `${field} is ${JSON.stringify(given[field]) ?? 'missing'}; allowed: ${allowed}`,
      ),
  ];
  if (problems.length > 0) throw new BadRequestException(problems);
  return given as unknown as NewOrder;
}
