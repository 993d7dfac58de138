import { expect } from 'chai';
import { describeFailure, Exit } from '../../../src/cli/command/exit.ts';

describe('describeFailure', () => {
  const failure = (code: string) => describeFailure(Object.assign(new Error('the words of PostgreSQL'), { code }));

  it('counts a session that PostgreSQL ended as unreachable, like one that was lost', () => {
    for (const code of ['57P01', '57P02', '57P03', '57P05', '25P03', '08006', '08P01']) {
      expect(failure(code), code).to.deep.equal({
        exit: Exit.UNREACHABLE,
        sentence: 'the connection to the database was lost: the words of PostgreSQL',
      });
    }
  });

  it('says what to do about a server that accepts no writes', () => {
    const { exit, sentence } = failure('25006');
    expect(exit).to.equal(Exit.FAILED);
    expect(sentence).to.match(/^the words of PostgreSQL: name the primary in DATABASE_URL/);
  });

  it('counts a refusal by PostgreSQL as a failure', () => {
    for (const code of ['23505', '57014', '53100']) expect(failure(code).exit, code).to.equal(Exit.FAILED);
  });
});
