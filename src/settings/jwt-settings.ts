/** Settings of JWTs: whether, and how, users of another application sign in with the tokens of that application. */
import { createPublicKey } from 'node:crypto';
import { z } from 'zod';
import type { JwtRules } from '../chat/auth/jwt/jwt-rules.ts';
import { isLoopback } from './loopback.ts';
import { list, urlWithoutUser } from './setting-types.ts';

/** Signatures that are checked with a public key. With the other algorithms, a node that can check a token can also create one. */
const ALGORITHMS = [
  ...['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512'],
  ...['ES256', 'ES384', 'ES512', 'EdDSA', 'Ed25519'],
] as const;

const DEFAULT_NAME_CLAIM = 'preferred_username';

const publicKey = z.string().transform((text, context) => {
  try {
    // A line of an environment file cannot have line breaks. A private key would be accepted as the public one that it contains.
    const pem = text.replaceAll('\\n', '\n');
    if (!/-----BEGIN (?:PUBLIC KEY|RSA PUBLIC KEY|CERTIFICATE)-----/.test(pem)) throw new Error('no public key');
    return createPublicKey(pem);
  } catch {
    context.addIssue({ code: 'custom', message: 'must be a public key or a certificate in PEM' });
    return z.NEVER;
  }
});

/** The environment variables; `.env.example` explains them. */
export const jwtEnvironment = {
  JWT_JWKS_URL: urlWithoutUser.optional(),
  JWT_PUBLIC_KEY: publicKey.optional(),
  JWT_ISSUER: z.string().trim().max(255, 'must have 255 characters or fewer').optional(),
  JWT_AUDIENCE: z.string().transform(list).optional(),
  JWT_NAME_CLAIM: z
    .string()
    .trim()
    .regex(/^[\w:/.-]{1,100}$/, 'must be the name of a claim')
    .optional(),
  JWT_ALGORITHMS: z
    .string()
    .transform(list)
    .pipe(
      z.array(z.enum(ALGORITHMS, `must be algorithms with public keys, separated by commas: ${ALGORITHMS.join(', ')}`)),
    )
    .optional(),
};

type Values = { [Name in keyof typeof jwtEnvironment]?: z.output<(typeof jwtEnvironment)[Name]> };

/** Returns what is wrong with settings that are valid by themselves. */
export function jwtProblems(values: Values, auth: 'open' | 'token'): string[] {
  const { JWT_JWKS_URL: url, JWT_PUBLIC_KEY: key, JWT_ISSUER: issuer, JWT_AUDIENCE: audience } = values;
  const given = Object.keys(jwtEnvironment).find((name) => values[name as keyof Values] !== undefined);
  if (given === undefined) return [];
  const problems: string[] = [];
  if (url === undefined && key === undefined)
    problems.push(`${given} has no effect: set JWT_JWKS_URL or JWT_PUBLIC_KEY too`);
  if (url !== undefined && key !== undefined)
    problems.push('JWT_JWKS_URL and JWT_PUBLIC_KEY exclude each other: set one');
  if (!issuer) problems.push('JWT_ISSUER is not set: name the issuer of the tokens (their claim iss)');
  if (!audience || audience.length === 0) {
    problems.push(
      'JWT_AUDIENCE is not set: name this service as the tokens do (their claim aud), or tokens for others are accepted',
    );
  }
  if (auth === 'open') problems.push(`${given} requires AUTH=token: with AUTH=open tokens are not checked`);
  return problems;
}

/** Returns the rules of settings without {@link jwtProblems}; null if JWTs are not used. */
export function jwtRulesOf(values: Values): JwtRules | null {
  const { JWT_JWKS_URL: url, JWT_PUBLIC_KEY: publicKey, JWT_ISSUER: issuer = '', JWT_AUDIENCE: audience = [] } = values;
  const keys = url === undefined ? publicKey && { publicKey } : { url };
  if (!keys) return null;
  const { JWT_NAME_CLAIM: nameClaim = DEFAULT_NAME_CLAIM, JWT_ALGORITHMS: algorithms = [...ALGORITHMS] } = values;
  return { issuer, audience, nameClaim, algorithms, keys };
}

/** Returns warnings about settings that are allowed but dangerous. */
export function jwtWarnings(jwt: JwtRules | null): string[] {
  if (jwt === null || !('url' in jwt.keys)) return [];
  const { protocol, hostname } = new URL(jwt.keys.url);
  if (protocol === 'https:' || isLoopback(hostname.replace(/^\[|\]$/g, ''))) return [];
  return ['JWT_JWKS_URL is not https: an attacker who controls the network to it can sign in as any user'];
}
