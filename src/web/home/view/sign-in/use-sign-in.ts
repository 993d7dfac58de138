/// <reference lib="dom" />
import { useEffect, useState } from 'preact/hooks';
import { ChatError, type CheckedInvitation, type SignInResult } from '../../../../client/index.ts';
import { errorText } from '../../../i18n/error-text.ts';
import { texts } from '../../../i18n/texts.ts';
import { useView } from '../context.ts';

/** Returns the text for a failed sign-in. Unlike other requests, it can be repeated without checking whether it worked. */
function signInError(error: unknown): string {
  const { errors } = texts();
  if (error instanceof ChatError && error.status === 401) return errors.wrongPassword;
  const isLost = error instanceof ChatError && error.code === 'outcome_unknown';
  return (isLost ? errors.byCode.unreachable : undefined) ?? errorText(error);
}

/** Signs a user in, after a check of the invitation that the address names. */
export function useSignIn() {
  const { app } = useView();
  /** Returns why the last attempt failed, in the current language. */
  const [failure, setFailure] = useState<() => string>();
  const [isBusy, setBusy] = useState(false);
  const [invited, setInvited] = useState<CheckedInvitation>();
  const token = app.invitation?.token;
  const fail = (text: () => string) => setFailure(() => text);
  /** Reads what the invitation is for. @throws only if it does not exist; it is then removed from the address bar. */
  const checkInvitation = async () => {
    if (token !== undefined) setInvited(await app.checkInvitation(token));
  };
  useEffect(() => {
    // Without a connection, or from an older node, there is no result yet: the sign-in checks again.
    checkInvitation().catch((error) => fail(() => errorText(error)));
  }, [token]);
  const attempt = async (request: () => Promise<SignInResult>, staysSignedIn: boolean) => {
    setFailure(undefined);
    setBusy(true);
    try {
      // First, so that an invalid link does not create an account.
      await checkInvitation();
      await app.signIn(request, staysSignedIn);
    } catch (error) {
      fail(() => signInError(error));
    } finally {
      setBusy(false);
    }
  };
  const problem = failure?.() ?? (app.endedBy === undefined ? '' : errorText(app.endedBy));
  return { isInvited: token !== undefined, invited, problem, isBusy, attempt, fail };
}
