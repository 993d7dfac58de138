import { expect } from 'chai';
import { adviceOn } from '../../../src/database/database-advice.ts';
import {
  constraintOf,
  isOutcomeUnknown,
  isRefusedByDatabase,
  isUnavailable,
  markRefusedOpening,
  reasonOf,
  sqlState,
  tableOf,
  unavailabilityOf,
} from '../../../src/database/errors.ts';

describe('The SQLSTATE of an error', () => {
  it('is not the code of a system call, even if that has five letters', () => {
    for (const code of ['EPIPE', 'EPERM', 'EBUSY', 'EBADF', 'ECONNRESET', 'ENOENT']) {
      const error = Object.assign(new Error(`write ${code}`), { code });
      expect([code, sqlState(error), isRefusedByDatabase(error)]).to.deep.equal([code, null, false]);
    }
  });

  it('is found in the causes of an error, whichever code PostgreSQL or an operator has chosen', () => {
    // PT402 tells PostgREST the status 402; PGRST tells it more.
    for (const code of ['42501', 'P0001', 'ZZ001', 'HV000', 'F0000', 'PT402', 'PGRST', 'ERROR', 'EMUTE']) {
      const error = new Error('the query failed', { cause: Object.assign(new Error('refused'), { code }) });
      expect([sqlState(error), isRefusedByDatabase(error)]).to.deep.equal([code, true]);
    }
  });
});

describe('An error with which PostgreSQL refuses to open a session', () => {
  const refused = (code: string) => {
    const error = Object.assign(new Error('audited twice'), {
      code,
      table: 'users',
      constraint: 'users_username_key_key',
    });
    markRefusedOpening(error);
    return new Error('the pool has no connection', { cause: error });
  };

  it('means that the database is unavailable, whatever its SQLSTATE, and is not about the rows of a request', () => {
    for (const code of ['22012', '23505', '42P01', '55000', 'P0001', 'XX001']) {
      const error = refused(code);
      expect([code, isUnavailable(error), isRefusedByDatabase(error)]).to.deep.equal([code, true, false]);
      expect([constraintOf(error), tableOf(error)]).to.deep.equal([null, null]);
      expect(reasonOf(error)).to.equal(`PostgreSQL opens no session for this node (SQLSTATE ${code})`);
    }
  });

  it('keeps the reason that its SQLSTATE names', () => {
    expect(reasonOf(refused('28P01'))).to.equal("PostgreSQL refuses this node's role or password");
    expect(unavailabilityOf(refused('53300'))).to.equal('all connections of the database are taken');
  });
});

describe('A privilege that a DBA has revoked', () => {
  const denied = (more: object = {}) =>
    Object.assign(new Error('permission denied for view pg_locks'), { code: '42501', ...more });

  it('is the reason of a condition, with the remedy and without the name of the object', () => {
    expect(reasonOf(denied())).to.match(/^this node's role lacks a privilege \(SQLSTATE 42501\): GRANT it/);
    expect(adviceOn(denied())).to.match(/^: GRANT it to this node's role/);
  });

  it('is not what a trigger of the DBA means that raises the same SQLSTATE', () => {
    const raised = denied({ routine: 'exec_stmt_raise' });
    expect(reasonOf(raised)).to.equal('PostgreSQL refuses it (SQLSTATE 42501)');
    expect(adviceOn(raised)).to.equal('');
  });
});

describe('unavailabilityOf', () => {
  it('distinguishes a full disk from a database that cannot be reached, and names no setting, role or statement', () => {
    const said = (code: string) => unavailabilityOf(Object.assign(new Error('secret "role" SELECT'), { code }));
    expect(said('53100')).to.equal("the database's disk is full");
    expect(said('53300')).to.equal('all connections of the database are taken');
    for (const code of ['57014', '40001']) expect(said(code)).to.equal('the database cancelled the request');
    for (const code of ['08006', '28P01', 'ECONNREFUSED'])
      expect(said(code)).to.equal('the database cannot be reached or is too busy now');
  });
});

describe('The outcome of a commit', () => {
  const outcomeOf = (code: string) => isOutcomeUnknown(Object.assign(new Error('refused'), { code }));

  it('is unknown when the session ended: by PostgreSQL, by a pooler whose server is gone, or by a panic', () => {
    for (const code of ['57P01', '57P05', '08P01', '08006', '58030']) expect([code, outcomeOf(code)]).to.include(true);
  });

  it('is known when PostgreSQL refused the transaction', () => {
    for (const code of ['57014', '53100', '40001', '23505', '25006', 'PT001']) {
      expect([code, outcomeOf(code)]).to.include(false);
    }
  });
});

describe('An error that a function of the operator raises with the SQLSTATE of a lost session', () => {
  for (const code of ['08006', '57P01', '58030']) {
    it(`is a refusal: the transaction has rolled back, and the session goes on (${code})`, () => {
      const error = Object.assign(new Error('spam'), { code, routine: 'exec_stmt_raise' });
      expect([isOutcomeUnknown(error), isUnavailable(error), isRefusedByDatabase(error)]).to.deep.equal([
        false,
        false,
        true,
      ]);
      expect(reasonOf(error)).to.equal(`PostgreSQL refuses it (SQLSTATE ${code})`);
    });
  }
});

describe('A database that was renamed or dropped while the node runs', () => {
  it('is unavailable, as one that cannot be reached, and is named as what it is', () => {
    const error = Object.assign(new Error('database "chat" does not exist'), { code: '3D000' });
    expect([isUnavailable(error), isRefusedByDatabase(error)]).to.deep.equal([true, false]);
    expect(reasonOf(error)).to.equal('the database does not exist: it was renamed or dropped');
  });
});
