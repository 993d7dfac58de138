/** A JWT was refused; the message says why. */
export class JwtRefusedError extends Error {
  override readonly name = 'JwtRefusedError';
}

/** No keys were fetched yet, so no JWT can be checked. */
export class KeysUnavailableError extends Error {
  override readonly name = 'KeysUnavailableError';
}

/** A JWT is valid, and there is no account of its user yet. */
export class UnknownIdentityError extends Error {
  override readonly name = 'UnknownIdentityError';
}

/** The clock of a JWT's issuer is ahead, and the JWT valid in `ms` only: accepted earlier, it would outlive a sign-out of all devices. */
export class EarlyJwtError extends Error {
  override readonly name = 'EarlyJwtError';
  readonly ms: number;

  constructor(ms: number) {
    super('this JWT is not valid yet');
    this.ms = ms;
  }
}
