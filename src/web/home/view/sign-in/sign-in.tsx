/// <reference lib="dom" />
import { useEffect, useRef } from 'preact/hooks';
import type { SignInResult } from '../../../../client/index.ts';
import { chatTexts, texts } from '../../../i18n/texts.ts';
import { LanguageSwitch } from '../../../shared/language-switch.tsx';
import { ByAuthMode } from '../by-auth-mode.tsx';
import { useView } from '../context.ts';
import { Switch } from '../elements/switch.tsx';
import { useSignIn } from './use-sign-in.ts';

/** The sign-in form. */
export function SignIn() {
  const { app } = useView();
  const t = chatTexts();
  const { isInvited, invited, problem, isBusy, attempt, fail } = useSignIn();
  const form = useRef<HTMLFormElement>(null);
  const name = useRef<HTMLInputElement>(null);
  const password = useRef<HTMLInputElement>(null);
  const keep = useRef<HTMLInputElement>(null);
  useEffect(() => (app.endedFor === undefined ? name : password).current?.focus(), []);
  const enter = (request: (name: string, password: string) => Promise<SignInResult>) =>
    attempt(() => request(name.current?.value ?? '', password.current?.value ?? ''), keep.current?.checked === true);
  const register = () => {
    if (form.current?.reportValidity() !== true) return;
    if (password.current?.value !== '') return void enter((username, secret) => app.client.register(username, secret));
    fail(() => texts().errors.byField.password ?? '');
    password.current.focus();
  };
  const submit = (event: Event) => {
    event.preventDefault();
    void enter((username, secret) => app.client.login(username, secret === '' ? undefined : secret));
  };
  return (
    <main id="sign-in">
      <form class="card" ref={form} onSubmit={submit}>
        <h2>{t.signIn}</h2>
        {isInvited && (
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
          defaultValue={app.endedFor}
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
        <Switch label={t.keepSignedIn} handle={keep} defaultChecked />
        <p class="error" role="alert">
          {problem}
        </p>
        <div class="buttons">
          <button type="submit" disabled={isBusy}>
            {t.signIn}
          </button>
          <button type="button" class="secondary" disabled={isBusy} onClick={register}>
            {t.register}
          </button>
        </div>
      </form>
      <LanguageSwitch />
    </main>
  );
}
