/// <reference lib="dom" />
import { useRef, useState } from 'preact/hooks';
import type { Account } from '../../../../../client/index.ts';
import { dialogTexts } from '../../../../i18n/dialog-texts.ts';
import { useView } from '../../context.ts';
import { onEnter } from './on-enter.ts';
import { passwordTexts } from './password-texts.ts';

/** Runs a change of the account, and then shows its text, or why it failed. */
export type RunChange = (change: () => Promise<void>, text: () => string) => Promise<void>;

interface Props {
  account: Account;
  signal: AbortSignal;
  change: RunChange;
  /** Reads the account again. */
  reload: () => Promise<void>;
}

/** The password of the account: changes it, or says that there is none and sets the first one. */
export function AccountPassword(props: Props) {
  const { account } = props;
  const { app } = useView();
  const t = dialogTexts();
  const { oldPassword, newPassword, busy, submit } = usePasswordChange(props);
  const { has_password: hasPassword } = account;
  return (
    <>
      {hasPassword ? (
        <>
          <label for="old-password">{t.oldPassword}</label>
          <input id="old-password" type="password" ref={oldPassword} autocomplete="current-password" />
        </>
      ) : (
        <p id="no-password" class="warning" dir="auto">
          {passwordTexts(app.cluster.auth).none(app.chat?.me.username ?? account.username)}
        </p>
      )}
      <label for="new-password">{t.newPassword}</label>
      <div class="row">
        <input
          id="new-password"
          type="password"
          ref={newPassword}
          maxLength={256}
          autocomplete="new-password"
          {...(!hasPassword && { 'aria-describedby': 'no-password' })}
          onKeyDown={onEnter(submit)}
        />
        <button type="button" class="secondary" disabled={busy} onClick={submit}>
          {busy && <span class="spinner" />}
          {hasPassword ? t.change : t.setPassword}
        </button>
      </div>
    </>
  );
}

function usePasswordChange({ account: { has_password: hasPassword }, signal, change, reload }: Props) {
  const { app } = useView();
  const oldPassword = useRef<HTMLInputElement>(null);
  const newPassword = useRef<HTMLInputElement>(null);
  const [busy, setBusy] = useState(false);
  const changePassword = async () => {
    const old = hasPassword ? (oldPassword.current?.value ?? '') : undefined;
    await app.client.account.changePassword(old, newPassword.current?.value ?? '', { signal });
    app.tokenChanged();
    for (const field of [oldPassword, newPassword]) if (field.current !== null) field.current.value = '';
    await reload();
  };
  const submit = () => {
    // Hashing a password takes a node some time.
    if (busy) return;
    setBusy(true);
    void change(changePassword, () => passwordTexts(app.cluster.auth)[hasPassword ? 'changed' : 'set']).finally(() =>
      setBusy(false),
    );
  };
  return { oldPassword, newPassword, busy, submit };
}
