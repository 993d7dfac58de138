/// <reference lib="dom" />
import { useEffect, useRef, useState } from 'preact/hooks';
import { ChatError, type CheckedInvitation, type SignInResult } from '../../../client/index.ts';
import { errorText } from '../../i18n/error-text.ts';
import { chatTexts, texts } from '../../i18n/texts.ts';
import { LanguageSwitch } from '../../shared/language-switch.tsx';
import { ByAuthMode } from './by-auth-mode.tsx';
import { useView } from './context.ts';

/** Returns the text for a failed sign-in. Unlike other requests, it can be repeated without checking whether it worked. */
function signInError(error: unknown): string {
  const { errors } = texts();
  if (error instanceof ChatError && error.status === 401) return errors.wrongPassword;
  const isLost = error instanceof ChatError && error.code === 'outcome_unknown';
  return (isLost ? errors.byCode.unreachable : undefined) ?? errorText(error);
}

/** The sign-in form. */
export function SignIn() {
  const { app } = useView();
  const t = chatTexts();
  const form = useRef<HTMLFormElement>(null);
  const name = useRef<HTMLInputElement>(null);
  const password = useRef<HTMLInputElement>(null);
  const keep = useRef<HTMLInputElement>(null);
  /** Returns why the last attempt failed, in the current language. */
  const [failure, setFailure] = useState<() => string>();
  const [busy, setBusy] = useState(false);
  useEffect(() => name.current?.focus(), []);
  const token = app.invitation?.token;
  const [invited, setInvited] = useState<CheckedInvitation>();
  /** Checks the invitation that the address names. @throws only if it does not exist; it is then removed from the address bar. */
  const checkInvitation = async () => {
    if (token === undefined) return;
    setInvited(await app.checkInvitation(token));
  };
  useEffect(() => {
    // Without a connection, or from an older node, there is no answer yet: the sign-in asks again.
    checkInvitation().catch((error) => setFailure(() => () => errorText(error)));
  }, [token]);
  const reason = failure?.() ?? (app.endedBy === undefined ? '' : errorText(app.endedBy));
  const attempt = async (enter: (name: string, password: string) => Promise<SignInResult>) => {
    setFailure(undefined);
    setBusy(true);
    try {
      // Check the invitation first, so that an invalid link does not create an account.
      await checkInvitation();
      const request = () => enter(name.current?.value ?? '', password.current?.value ?? '');
      await app.signIn(request, keep.current?.checked === true);
    } catch (error) {
      setFailure(() => () => signInError(error));
    } finally {
      setBusy(false);
    }
  };
  const register = () => {
    if (form.current?.reportValidity() !== true) return;
    if (password.current?.value === '') {
      setFailure(() => () => texts().errors.byField.password ?? '');
      password.current.focus();
      return;
    }
    void attempt((username, secret) => app.client.register(username, secret));
  };
  const submit = (event: Event) => {
    event.preventDefault();
    void attempt((username, secret) => app.client.login(username, secret === '' ? undefined : secret));
  };
  return (
    <main id="sign-in">
      <form class="card" ref={form} onSubmit={submit}>
        <h2>{t.signIn}</h2>
        {token !== undefined && (
          <p class="invited" dir="auto">
            {t.invited(invited?.group_name)}
          </p>
        )}
        <ByAuthMode auth={app.auth} class="hint" open={t.signInOpen} token={t.signInToken} />
        <label for="username">{t.name}</label>
        <input
          id="username"
          name="username"
          ref={name}
          autocomplete="username"
          maxLength={64}
          required
          autocapitalize="none"
          spellcheck={false}
        />
        <label for="password">
          {t.password} {app.auth === 'open' && <span class="hint">{t.passwordIfAny}</span>}
        </label>
        <input
          id="password"
          name="password"
          type="password"
          ref={password}
          autocomplete="current-password"
          maxLength={256}
          required={app.auth === 'token'}
        />
        <label class="switch">
          <input type="checkbox" ref={keep} defaultChecked /> {t.keepSignedIn}
        </label>
        <p class="error" role="alert">
          {reason}
        </p>
        <div class="buttons">
          <button type="submit" disabled={busy}>
            {t.signIn}
          </button>
          <button type="button" class="secondary" disabled={busy} onClick={register}>
            {t.register}
          </button>
        </div>
      </form>
      <LanguageSwitch />
    </main>
  );
}
