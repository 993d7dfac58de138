import type { KeyObject } from 'node:crypto';

/** The rules for checking JWTs of another application. */
export interface JwtRules {
  issuer: string;
  /** One of these must be among the token's audiences. */
  audience: string[];
  /** The claim that has the name of a new user. */
  nameClaim: string;
  /** Asymmetric algorithms only. */
  algorithms: string[];
  keys: { url: string } | { publicKey: KeyObject };
}
