import { expect } from 'chai';
import { WriterHealth, type WriterSession } from '../../../src/chat/posting/writer-health.ts';

const session = {} as WriterSession;
const refusal = (code: string, table?: string) => Object.assign(new Error('refused'), { code, table });

describe('The health of the writer', () => {
  for (const [what, error] of [
    ['its own row', refusal('23514', 'messages')],
    ["a row that an operator's trigger writes", refusal('23502', 'audit')],
    ['one of its values', refusal('22021')],
  ] as const) {
    it(`is not affected by a post that is refused because of ${what}`, () => {
      const health = new WriterHealth(session, 1000);
      health.failed(error);
      expect(health.problem).to.equal(null);
    });
  }

  it('is bad once the event log refuses its row, as it would for every post, until a commit succeeds', () => {
    const health = new WriterHealth(session, 1000);
    health.failed(refusal('23514', 'events'));
    expect(health.problem).to.contain('messages cannot be stored');
    health.succeeded();
    expect(health.problem).to.equal(null);
  });
});
