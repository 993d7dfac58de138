import { errorMessage } from '../../error-message.ts';
import { DatabaseUnavailableError, sqlState } from '../errors.ts';

/** Thrown where a server accepts no writes. */
export class NotWritableError extends DatabaseUnavailableError {
  override readonly name = 'NotWritableError';
  /** True if the server can be promoted. */
  readonly isStandby: boolean;

  constructor(why: 'in recovery' | 'read-only') {
    super(why === 'in recovery' ? 'is a standby (in recovery)' : 'is read-only (default_transaction_read_only)');
    this.isStandby = why === 'in recovery';
  }
}

/** Why one server cannot be used now. */
export interface ServerRefusal {
  server: string;
  error: Error;
}

/** Thrown where none of the servers in the URL accepts writes. The message gives the reason of each. */
export class NoWritableServerError extends DatabaseUnavailableError {
  override readonly name = 'NoWritableServerError';

  /** The cause is the first reason that PostgreSQL itself gave, such as a wrong password. */
  constructor(refusals: readonly ServerRefusal[]) {
    const reasons = refusals.map(({ server, error }) => `${server} ${sentence(error)}`);
    super(`no server accepts writes: ${reasons.join('; ')}`, {
      cause: refusals.find(({ error }) => sqlState(error) !== null)?.error,
    });
  }
}

function sentence(error: Error): string {
  return error instanceof NotWritableError ? error.message : `cannot be used (${errorMessage(error)})`;
}
