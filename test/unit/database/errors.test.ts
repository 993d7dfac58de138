import { expect } from 'chai';
import { isRefusedByDatabase, sqlState } from '../../../src/database/errors.ts';

describe('The SQLSTATE of an error', () => {
  it('is not the code of a system call, even if that has five letters', () => {
    for (const code of ['EPIPE', 'EPERM', 'EBUSY', 'ECONNRESET', 'ENOENT']) {
      const error = Object.assign(new Error(`write ${code}`), { code });
      expect([code, sqlState(error), isRefusedByDatabase(error)]).to.deep.equal([code, null, false]);
    }
  });

  it('is found in the causes of an error, whatever PostgreSQL or an operator has chosen', () => {
    for (const code of ['42501', 'P0001', 'ZZ001', 'HV000', 'F0000']) {
      const error = new Error('the query failed', { cause: Object.assign(new Error('refused'), { code }) });
      expect([sqlState(error), isRefusedByDatabase(error)]).to.deep.equal([code, true]);
    }
  });
});
