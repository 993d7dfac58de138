import { expect } from 'chai';
import { classifyResponse } from '../../../src/client/requests/classify-response.ts';
import { ERROR_CODES } from '../../../src/http/contract/error-codes.ts';

const classOf = (status: number, code: string) =>
  classifyResponse({ status, body: { error: 'a reason', code }, headers: new Headers() }, false);

describe('The client classifies every 503 as the list of error codes says', () => {
  const codes = Object.entries(ERROR_CODES).filter(([, [status]]) => status === 503);

  it('knows each code, and whether its request was executed', () => {
    const listed = Object.fromEntries(codes.map(([code, [, , effect]]) => [code, effect]));
    const known = codes.map(([code]) => {
      const found = classOf(503, code);
      if (found.kind !== 'retryElsewhere') return [code, found.kind];
      return [code, found.notExecuted ? 'not executed' : 'perhaps executed'];
    });
    expect(Object.fromEntries(known)).to.deep.equal(listed);
    expect(new Set(Object.values(listed))).to.deep.equal(new Set(['not executed', 'perhaps executed', 'refused']));
  });

  it('does not take an unknown code, or any code with another status, as proof', () => {
    for (const [status, code] of [
      [503, ''],
      [503, 'of_a_newer_node'],
      [503, 'toString'],
      [502, 'not_active'],
      [504, 'no_successor'],
    ] as const)
      expect(classOf(status, code)).to.include({ kind: 'retryElsewhere', notExecuted: false });
  });
});
