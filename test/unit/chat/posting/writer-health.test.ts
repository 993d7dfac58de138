import { expect } from 'chai';
import { WriterHealth, type WriterSession } from '../../../../src/chat/posting/writer-health.ts';

const session = {} as WriterSession;
const refusal = (code: string, table?: string) => Object.assign(new Error('refused'), { code, table });

/** Returns the health of a writer whose own attempt to post fails with `error`, or succeeds. */
function healthWhereTrialFails(error: Error | null): WriterHealth {
  const query = async ({ name }: { name?: string }) => {
    if (name === 'try_post' && error) throw error;
    return [];
  };
  const tried = { ready: async () => {}, query, reconnect: () => {}, waitedForStandby: false };
  return new WriterHealth(tried as WriterSession, 1000);
}

describe('The health of the writer', () => {
  for (const [what, error] of [
    ['its own row', refusal('23514', 'messages')],
    ["a row that an operator's trigger writes", refusal('23502', 'audit')],
  ] as const) {
    it(`is not affected by a post that is refused because of ${what}`, () => {
      const health = new WriterHealth(session, 1000);
      health.failed(error);
      expect(health.problem).to.equal(null);
    });
  }

  for (const [what, found, trouble] of [
    ['and is good if another post is stored', null, null],
    ['and is bad if another post fails too', refusal('22012'), 'PostgreSQL refuses it (SQLSTATE 22012)'],
    ['and is good if another post is refused because of its own row', refusal('23514', 'messages'), null],
  ] as const) {
    it(`is checked by a post after one that failed because of a value, ${what}`, async () => {
      const health = healthWhereTrialFails(found);
      expect(health.needsProbe).to.equal(false);
      health.failed(refusal('22012'));
      expect([health.problem, health.needsProbe]).to.deep.equal([null, true]);
      await health.probe();
      expect(health.problem).to.equal(trouble && `messages cannot be stored: ${trouble}`);
      expect(health.needsProbe).to.equal(trouble !== null);
    });
  }

  for (const [what, found, isBad] of [
    ['and is bad if the attempt is refused too', refusal('23514', 'messages'), true],
    ['and is good if the attempt succeeds', null, false],
  ] as const) {
    it(`is checked after ten posts in a row that were refused because of their own rows, ${what}`, async () => {
      const health = healthWhereTrialFails(found);
      for (let count = 0; count < 9; count++) health.failed(refusal('23514', 'messages'));
      expect(health.needsProbe).to.equal(false);
      health.failed(refusal('23503', 'messages'));
      expect([health.problem, health.needsProbe]).to.deep.equal([null, true]);
      await health.probe();
      expect([health.problem !== null, health.needsProbe]).to.deep.equal([isBad, isBad]);
      health.succeeded();
      health.failed(refusal('23514', 'messages'));
      expect(health.needsProbe, 'after one that was stored').to.equal(false);
    });
  }

  for (const code of ['P0001', '09000', '40001', '57014', '53100', '42501', 'ZZ001']) {
    it(`is in doubt, not bad, after one post that failed with ${code}: a trigger of the operator may refuse just that one`, () => {
      const health = new WriterHealth(session, 1000);
      health.failed(refusal(code));
      expect([health.problem, health.needsProbe]).to.deep.equal([null, true]);
      health.succeeded();
      expect(health.needsProbe).to.equal(false);
    });
  }

  for (const code of ['55P03', '57P01', '08006']) {
    const raised = Object.assign(refusal(code), { routine: 'exec_stmt_raise' });
    it(`is bad after ${code}, but only in doubt if a trigger raised it`, () => {
      const health = new WriterHealth(session, 1000);
      health.failed(raised);
      expect([health.problem, health.needsProbe]).to.deep.equal([null, true]);
      health.failed(refusal(code));
      expect(health.problem).to.contain('messages cannot be stored');
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
