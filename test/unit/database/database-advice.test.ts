import { expect } from 'chai';
import { withDatabaseAdvice } from '../../../src/database/database-advice.ts';
import { SessionLostError } from '../../../src/database/session/database-session.ts';

describe('The advice about a database that cannot be used', () => {
  const URL = 'postgres://ana:secret@db1:5432/chat';
  const adviceAbout = async (error: Error) => {
    const wrapped = new SessionLostError(error.message, { cause: error });
    const result = await withDatabaseAdvice(URL, () => Promise.reject(wrapped)).catch(
      (reason: Error) => reason.message,
    );
    expect(result).to.match(/^the database chat on db1:5432 cannot be used \(.*\): /);
    expect(result).to.not.include('secret');
    return result;
  };

  it('asks whether PostgreSQL runs when the connection was refused', async () => {
    const refused = Object.assign(new Error('connect ECONNREFUSED 127.0.0.1:5432'), { code: 'ECONNREFUSED' });
    expect(await adviceAbout(refused)).to.match(/: check DATABASE_URL, .*; is PostgreSQL running there\?$/);
  });

  it('names the remedy if the server accepts no session, or this process can open no more files', async () => {
    const about = (code: string) => adviceAbout(Object.assign(new Error('refused'), { code }));
    expect(await about('55000')).to.match(/: ALTER DATABASE … ALLOW_CONNECTIONS true/);
    expect(await about('58P01')).to.match(/: PostgreSQL cannot read a file .* session_preload_libraries/);
    expect(await about('EMFILE')).to.match(/: the system lets this process open too few files: raise the limit/);
  });

  it('names what prevents a reply when there was none', async () => {
    expect(await adviceAbout(new Error('timeout expired'))).to.match(/frozen or overloaded, or a firewall/);
  });

  it('names the parameter of the URL when TLS fails', async () => {
    const failed = (code: string) => adviceAbout(Object.assign(new Error('the words of OpenSSL'), { code }));
    expect(await failed('DEPTH_ZERO_SELF_SIGNED_CERT')).to.match(
      /: name the file .* as sslrootcert in DATABASE_URL; sslmode=/,
    );
    expect(await failed('CERT_HAS_EXPIRED')).to.match(/: renew the server's certificate/);
    expect(await failed('ERR_TLS_CERT_ALTNAME_INVALID')).to.match(/: use a name of the certificate as host/);
    const unencrypted = new Error('The server does not support SSL connections');
    expect(await adviceAbout(unencrypted)).to.match(/: switch ssl on in PostgreSQL, or use sslmode=disable$/);
  });

  it('names the settings if the cause is unknown', async () => {
    const unknown = Object.assign(new Error('getaddrinfo ENOTFOUND db1'), { code: 'ENOTFOUND' });
    expect(await adviceAbout(unknown)).to.match(/DB_NAME$/);
  });
});
