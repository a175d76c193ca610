import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { maskParams } from 'nestjs-redo';
import { cases } from '../support/fuzzing.js';

const card = '4111111111111111';

describe('maskParams puts in place of a parameter’s value its path', () => {
  test.each<[text: string, params: unknown, masked: string]>([
    [`card ${card} was refused`, { card }, 'card [params.card] was refused'],
    [`card ${card} was refused`, { card: Number(card) }, 'card [params.card] was refused'],
    [`${card}`, card, '[params]'],
    [`token=${card}&x`, { auth: [{ token: card }] }, 'token=[params.auth[].token]&x'],
    ['{"name":"Ann \\"A\\" O’Neil"}', { name: 'Ann "A" O’Neil' }, '{"name":"[params.name]"}'],
    ['GET /?q=ada%40example.org', { to: 'ada@example.org' }, 'GET /?q=[params.to]'],
    ['to ada@example.org: no', { 'ada@example.org': 1 }, 'to [a key of params]: no'],
    ['balance 123456', { 'ada@example.org': 123_456 }, 'balance [params.*]'],
    ['+49 30 123456', { phone: '+49 30 123456' }, '[params.phone]'],
    ['密码是：机密文件一号', { text: '机密文件一号' }, '密码是：[params.text]'],
    ['the longer value wins: abcd efgh', { a: 'abcd', b: 'abcd efgh' }, 'the longer value wins: [params.b]'],
    ['twice: 12345, 12345', { n: 12_345 }, 'twice: [params.n], [params.n]'],
  ])('%s', (text, params, masked) => {
    expect(maskParams(text, params)).toBe(masked);
  });

  test.each<[text: string, params: unknown]>([
    ['status 503 after 3 tries', { tries: 3, code: 503 }],
    ['true is not false', { flag: true }],
    ['disorder', { what: 'order' }],
    ['9123456', { n: 12_345 }],
    ['partner is down', null],
    ['partner is down', {}],
    ['', { a: '' }],
  ])('but leaves: %s', (text, params) => {
    expect(maskParams(text, params)).toBe(text);
  });

  test('whatever the values, and wherever they stand between other words', () => {
    const secret = fc
      .string({ unit: 'binary', minLength: 4, maxLength: 30 })
      .filter((text) => !/[[\]]|params|key of/.test(text));
    fc.assert(
      fc.property(
        fc.array(secret, { minLength: 1, maxLength: 5 }),
        fc.array(fc.constantFrom('got', 'and', '-', '"'), { minLength: 6, maxLength: 6 }),
        (secrets, words) => {
          const text = words.map((word, index) => `${word} ${secrets[index] ?? ''} `).join('');
          const masked = maskParams(text, { deep: secrets.map((value) => ({ value })) });
          for (const value of secrets)
            if (!'got  and  -  "  [params.deep[].value] '.includes(value))
              expect(masked).not.toContain(value);
        },
      ),
      cases(500),
    );
  });

  test('values of any kind, nested to any depth, harm nobody', () => {
    let deep: unknown = 'needle';
    for (let depth = 0; depth < 5_000; depth += 1) deep = { a: deep };
    expect(maskParams('a needle here', deep)).toMatch(/^a \[params(\.a){47}\] here$/);
    fc.assert(
      fc.property(fc.string(), fc.anything(), (text, params) => void maskParams(text, params)),
      cases(300),
    );
  });
});
