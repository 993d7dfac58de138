/// <reference lib="dom" />
import { useEffect, useRef, useState } from 'preact/hooks';
import type { Account } from '../../../../../client/index.ts';
import { dialogTexts } from '../../../../i18n/dialog-texts.ts';
import { texts } from '../../../../i18n/texts.ts';
import { ErrorLine } from '../../../../shared/error-line.tsx';
import { LanguageSwitch } from '../../../../shared/language-switch.tsx';
import { Modal } from '../../../../shared/modal.tsx';
import type { ChatState } from '../../../model/chat-state.ts';
import { useView } from '../../context.ts';
import { useAttempt } from '../attempt.ts';
import type { DialogProps } from '../dialog-state.ts';
import { AccountPassword, type RunChange } from './account-password.tsx';
import { AccountSessions } from './account-sessions.tsx';
import { AlertSwitches } from './alert-switches.tsx';
import { onEnter } from './on-enter.ts';

/** The user's own account: name, password, signed-in devices, language, notifications. */
export function AccountDialog({ chat, onClose }: DialogProps) {
  const { app, openDialog } = useView();
  const t = dialogTexts();
  const { signal } = chat;
  const [account, setAccount] = useState<Account>();
  /** Returns what has been done, in the current language. */
  const [done, setDone] = useState<() => string>();
  const { attempt, error } = useAttempt();
  const read = () => app.client.account.get({ signal }).then(setAccount, () => {});
  useEffect(() => void read(), []);
  const change: RunChange = async (change, text) => {
    setDone(undefined);
    if (await attempt(change)) setDone(() => text);
  };
  return (
    <Modal title={t.account} hasFocus onClose={onClose}>
      <OwnName chat={chat} change={change} />
      {account !== undefined && <AccountPassword account={account} signal={signal} change={change} reload={read} />}
      <p role="status">{done?.()}</p>
      <ErrorLine error={error} />
      <LanguageSwitch />
      <AlertSwitches />
      {account !== undefined && <AccountSessions chat={chat} account={account} />}
      <div class="buttons">
        <a class="button secondary" href="docs">
          {texts().common.documentation}
        </a>
        <button type="button" class="secondary danger" onClick={() => openDialog({ kind: 'delete-account' })}>
          {t.deleteAccount}
        </button>
      </div>
    </Modal>
  );
}

/** The user's own name, with a button that changes it. */
function OwnName({ chat, change }: { chat: ChatState; change: RunChange }) {
  const { app } = useView();
  const t = dialogTexts();
  const name = useRef<HTMLInputElement>(null);
  const rename = async () => {
    const renamed = await app.client.account.rename(name.current?.value ?? '', { signal: chat.signal });
    app.renamed(renamed.username);
  };
  const submit = () => void change(rename, () => dialogTexts().renamed);
  return (
    <>
      <label for="own-name">{t.name}</label>
      <div class="row">
        <input
          id="own-name"
          ref={name}
          maxLength={64}
          defaultValue={chat.me.username}
          autocomplete="off"
          onKeyDown={onEnter(submit)}
        />
        <button type="button" class="secondary" onClick={submit}>
          {t.rename}
        </button>
      </div>
    </>
  );
}
