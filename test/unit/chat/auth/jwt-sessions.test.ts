import { expect } from 'chai';
import { CachedTokens } from '../../../../src/chat/auth/cached-tokens.ts';
import { JwtRefusedError } from '../../../../src/chat/auth/jwt/jwt-errors.ts';
import { JwtSessions } from '../../../../src/chat/auth/jwt/jwt-sessions.ts';
import type { VerifiedJwt } from '../../../../src/chat/auth/jwt/jwt-verifier.ts';

const JWT: VerifiedJwt = {
  issuer: 'https://login.example',
  subject: 'u1',
  identity: 'identity of u1',
  issuedAt: 0,
  leftMs: 60_000,
  names: ['Ana'],
};

describe('The session of a JWT', () => {
  it('is not kept if the key of the JWT is removed while its user is looked up', async () => {
    const kept = new CachedTokens(10);
    const verifier = {
      keyRemovals: 0,
      async verify() {
        if (this.keyRemovals > 0) throw new JwtRefusedError('its key is unknown');
        return JWT;
      },
    };
    const cache = {
      peek: (hash: string) => kept.get(hash) ?? null,
      forgetJwt: (hash: string) => kept.drop(hash, 'forgotten'),
      async findJwt(hash: string) {
        verifier.keyRemovals++;
        kept.forgetJwts();
        return kept.add(hash, { userId: 1, expiresAt: Number.POSITIVE_INFINITY, identity: JWT.identity });
      },
    };
    const accounts = { createFor: async () => {} };
    const sessions = new JwtSessions({ verifier, cache, accounts, createAccountOnActiveNode: async () => false });

    const outcome = await Promise.resolve(sessions.find('token', 'hash')).catch((error) => error);
    expect(outcome).to.be.instanceOf(JwtRefusedError);
    expect(kept.size).to.equal(0);
  });
});
