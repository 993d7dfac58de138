import { expect } from 'chai';
import { packError, unpackError } from '../../../src/coordination/lock/lock-channel.ts';
import { isRefusedByDatabase, isUnavailable, markRefusedOpening, reasonOf } from '../../../src/database/errors.ts';
import { NotWritableError, NoWritableServerError } from '../../../src/database/servers/server-errors.ts';
import { SessionLostError } from '../../../src/database/session/database-session.ts';

describe('An error of the thread that keeps the leader lock', () => {
  const withState = (code: string) => Object.assign(new Error('refused'), { code });
  const refusedOpening = (code: string) => {
    const error = withState(code);
    markRefusedOpening(error);
    return error;
  };
  const errors = {
    'a reply that did not come in time': new SessionLostError('no reply to query within 2000 ms'),
    'a server that is gone': new NoWritableServerError([{ server: 'pg1:5432', error: new Error('refused') }]),
    'a standby': new NoWritableServerError([{ server: 'pg1:5432', error: new NotWritableError('in recovery') }]),
    'a wrong password': new NoWritableServerError([{ server: 'pg1:5432', error: withState('28P01') }]),
    'a lock': withState('55P03'),
    'a missing function': withState('42883'),
    'a login trigger that fails': refusedOpening('23505'),
    'a bug': new TypeError('x is not a function'),
  };

  for (const [what, error] of Object.entries(errors)) {
    it(`means the same in the main thread: ${what}`, () => {
      // As it is sent between threads.
      const received = unpackError(structuredClone(packError(error)));
      const kindOf = (one: Error) => [
        one.name,
        one.message,
        reasonOf(one),
        isUnavailable(one),
        isRefusedByDatabase(one),
      ];
      expect(kindOf(received)).to.deep.equal(kindOf(error));
    });
  }
});
