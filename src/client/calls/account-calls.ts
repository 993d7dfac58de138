import type { CallOptions } from '../requests/cluster-connection.ts';
import type { Account, PasswordChange, SignedInDevice } from '../types.ts';
import type { Calls } from './calls.ts';

/** The signed-in user's own account: `client.account`. */
export class AccountCalls {
  readonly #calls: Calls;

  constructor(calls: Calls) {
    this.#calls = calls;
  }

  /**
   * Returns a function that checks that no user has signed in or out since this call: a request may take long during a failover.
   */
  #sameSignIn(): () => boolean {
    const { connection, userId } = this.#calls;
    const { token } = connection;
    return () => this.#calls.userId === userId && connection.token === token;
  }

  /** Runs a call that revokes the token. A poll that is refused during the call waits until the caller has the result. */
  #revoking<Result>(call: () => Promise<Result>): Promise<Result> {
    const result = call();
    const callerContinues = () => new Promise<void>((resolve) => setTimeout(resolve, 0));
    this.#calls.connection.revocation = result.then(callerContinues, callerContinues);
    return result;
  }

  /** Returns the account. */
  async get(options: CallOptions = {}): Promise<Account> {
    return this.#calls.read<Account>('/me', { userId: this.#calls.me() }, 'username', options);
  }

  /** Gives the account another name. @throws {RefusedError} `username_taken`. */
  async rename(username: string, options: CallOptions = {}): Promise<Account> {
    const body = { username, userId: this.#calls.me() };
    return this.#calls.write<Account>('/me', { method: 'PATCH', body }, 'username', options);
  }

  /**
   * Changes the password and ends all other sessions. The client continues with the new token, unless it has signed in again
   * in the meantime. `oldPassword` is undefined for an account that has none yet: GET /me says whether it has one.
   */
  async changePassword(
    oldPassword: string | undefined,
    password: string,
    options: CallOptions = {},
  ): Promise<PasswordChange> {
    const body = { oldPassword, password, userId: this.#calls.me() };
    const isSame = this.#sameSignIn();
    return this.#revoking(async () => {
      const request = { body, repeatable: false };
      const changed = await this.#calls.write<PasswordChange>('/password', request, 'token', options);
      if (isSame()) this.#calls.connection.token = changed.token;
      return changed;
    });
  }

  /** Returns the signed-in devices, newest first. */
  async sessions(options: CallOptions = {}): Promise<SignedInDevice[]> {
    const query = { userId: this.#calls.me() };
    return (await this.#calls.read<{ sessions: SignedInDevice[] }>('/sessions', query, 'sessions', options)).sessions;
  }

  /** Ends one session. */
  async endSession(sessionId: string, options: CallOptions = {}): Promise<void> {
    const body = { sessionId, userId: this.#calls.me() };
    const request = { method: 'DELETE', body, alreadyDoneCodes: ['session_not_found'] } as const;
    await this.#calls.execute('/sessions', request, options);
  }

  /** Revokes all tokens, including this client's. Returns how many there were. */
  async endAllSessions(options: CallOptions = {}): Promise<number> {
    const request = { method: 'DELETE', body: { userId: this.#calls.me() }, repeatable: false } as const;
    return (await this.#calls.write<{ revoked: number }>('/tokens', request, 'revoked', options)).revoked;
  }

  /** Deletes the account. `erase` also deletes its messages; otherwise they stay under another name. */
  async delete(options: CallOptions & { password?: string; messages?: 'keep' | 'erase' } = {}): Promise<void> {
    const { password, messages, ...call } = options;
    const body = { userId: this.#calls.me(), password, messages };
    const isSame = this.#sameSignIn();
    await this.#revoking(async () => {
      await this.#calls.execute('/delete-account', { body, repeatable: false }, call);
      if (!isSame()) return;
      this.#calls.connection.token = undefined;
      this.#calls.userId = undefined;
    });
  }
}
