/// <reference lib="dom" />
import type { Ref } from 'preact';
import { useLayoutEffect, useRef } from 'preact/hooks';
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
  const { form, name, password, keep, login, register } = useForm({ attempt, fail });
  return (
    <main id="sign-in">
      <form class="card" ref={form} onSubmit={login}>
        <h2>{t.signIn}</h2>
        {isInvited && (
          <p class="invited" dir="auto">
            {t.invited(invited?.group_name)}
          </p>
        )}
        <ByAuthMode auth={app.cluster.auth} class="hint" open={t.signInOpen} token={t.signInToken} />
        <NameField handle={name} />
        <PasswordField handle={password} />
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

/** Reads the fields of the form, and logs in or registers with them. */
function useForm({ attempt, fail }: Pick<ReturnType<typeof useSignIn>, 'attempt' | 'fail'>) {
  const { app } = useView();
  const form = useRef<HTMLFormElement>(null);
  const name = useRef<HTMLInputElement>(null);
  const password = useRef<HTMLInputElement>(null);
  const keep = useRef<HTMLInputElement>(null);
  useLayoutEffect(() => (app.endedFor === undefined ? name : password).current?.focus(), []);
  const enter = (request: (name: string, password: string) => Promise<SignInResult>) =>
    attempt(() => request(name.current?.value ?? '', password.current?.value ?? ''), keep.current?.checked === true);
  const login = (event: Event) => {
    event.preventDefault();
    void enter((username, secret) => app.client.login(username, secret === '' ? undefined : secret));
  };
  const register = () => {
    if (form.current?.reportValidity() !== true) return;
    if (password.current?.value !== '') return void enter((username, secret) => app.client.register(username, secret));
    fail(() => texts().errors.byField.password ?? '');
    password.current.focus();
  };
  return { form, name, password, keep, login, register };
}

interface FieldProps {
  handle: Ref<HTMLInputElement>;
}

function NameField({ handle }: FieldProps) {
  return (
    <>
      <label for="username">{chatTexts().name}</label>
      <input
        id="username"
        name="username"
        ref={handle}
        autocomplete="username"
        defaultValue={useView().app.endedFor}
        maxLength={64}
        required
        autocapitalize="none"
        spellcheck={false}
      />
    </>
  );
}

function PasswordField({ handle }: FieldProps) {
  const { auth } = useView().app.cluster;
  const t = chatTexts();
  return (
    <>
      <label for="password">
        {t.password} {auth === 'open' && <span class="hint">{t.passwordIfAny}</span>}
      </label>
      <input
        id="password"
        name="password"
        type="password"
        ref={handle}
        autocomplete="current-password"
        maxLength={256}
        required={auth === 'token'}
      />
    </>
  );
}
