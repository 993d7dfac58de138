import { generateKeyPairSync } from 'node:crypto';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { exportJWK, generateKeyPair, type JWK, type JWTPayload, SignJWT } from 'jose';

/** The claims iss and aud of the tokens. */
export const ISSUER = 'https://login.example';
export const AUDIENCE = 'plantao';

/** Returns keys of each kind that no signature can be checked with, under the id of the good one. */
export const damagedKeys = () => [
  { kty: 'RSA', kid: 'first', n: '', e: '' },
  { kty: 'RSA', kid: 'first', alg: 'ES256' },
  { kty: 'RSA', kid: 'first', n: 5, e: {} },
  { kty: 'EC', kid: 'first', crv: 'P-999', x: 'a', y: 'b' },
  { kty: 'OKP', kid: 'first', crv: 'Ed25519', x: 'AA' },
  { ...generateKeyPairSync('rsa', { modulusLength: 1024 }).publicKey.export({ format: 'jwk' }), kid: 'first' },
];

type Pair = Awaited<ReturnType<typeof generateKeyPair>>;
type Responder = (response: http.ServerResponse) => void;

/** Another application's sign-in service: real keys, and a server that publishes the public ones. */
export class JwtIssuer {
  readonly #server: http.Server;
  readonly #keys = new Map<string, { pair: Pair; jwk: JWK }>();
  /** Overrides the response of the server. */
  respond: Responder | null = null;
  /** How often the keys were fetched. */
  fetches = 0;

  constructor() {
    this.#server = http.createServer((_request, response) => {
      this.fetches++;
      if (this.respond) return this.respond(response);
      response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(this.keySet));
    });
  }

  static async start(): Promise<JwtIssuer> {
    const issuer = new JwtIssuer();
    await issuer.addKey('first');
    await new Promise<void>((resolve) => issuer.#server.listen(0, '127.0.0.1', resolve));
    return issuer;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/keys`;
  }

  get keySet(): { keys: JWK[] } {
    return { keys: Array.from(this.#keys.values(), ({ jwk }) => jwk) };
  }

  async addKey(kid: string, algorithm = 'ES256'): Promise<void> {
    const pair = await generateKeyPair(algorithm, { extractable: true });
    const jwk = { ...(await exportJWK(pair.publicKey)), kid, alg: algorithm, use: 'sig' };
    this.#keys.set(kid, { pair, jwk });
  }

  removeKey(kid: string): void {
    this.#keys.delete(kid);
  }

  pairOf(kid: string): Pair {
    const key = this.#keys.get(kid);
    if (!key) throw new Error(`there is no key ${kid}`);
    return key.pair;
  }

  /** Returns a valid token of a subject; `claims` replaces claims, undefined removes one. */
  async token(subject: string, claims: JWTPayload = {}, kid = 'first', namesKey = true): Promise<string> {
    const now = Math.floor(Date.now() / 1000);
    const payload = { iss: ISSUER, aud: AUDIENCE, sub: subject, iat: now, exp: now + 600, ...claims };
    const { pair, jwk } = this.#keys.get(kid) as { pair: Pair; jwk: JWK };
    return new SignJWT(JSON.parse(JSON.stringify(payload)))
      .setProtectedHeader({ alg: jwk.alg as string, ...(namesKey && { kid }) })
      .sign(pair.privateKey);
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

/** Returns the name and the message of the error with which a check of a token or key fails, or `accepted`. */
export const refusal = (check: Promise<unknown>): Promise<string> =>
  check.then(
    () => 'accepted',
    (error) => `${error.name}: ${error.message}`,
  );
