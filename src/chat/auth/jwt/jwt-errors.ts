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

/**
 * A JWT becomes valid only in `ms`, because its issuer's clock is ahead. If it were accepted earlier, it would outlive a sign-out of
 * all devices.
 */
export class EarlyJwtError extends Error {
  override readonly name = 'EarlyJwtError';
  readonly ms: number;

  constructor(ms: number) {
    super('this JWT is not valid yet');
    this.ms = ms;
  }
}
