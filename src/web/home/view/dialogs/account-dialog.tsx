/// <reference lib="dom" />
import { useEffect, useRef, useState } from 'preact/hooks';
import type { Account, Session } from '../../../../client/index.ts';
import { dateAndTime } from '../../../i18n/dates.ts';
import { dialogTexts } from '../../../i18n/dialog-texts.ts';
import { texts } from '../../../i18n/texts.ts';
import { ErrorLine } from '../../../shared/error-line.tsx';
import { LanguageSwitch } from '../../../shared/language-switch.tsx';
import { Modal } from '../../../shared/modal.tsx';
import { useView } from '../context.ts';
import { AccountPassword } from './account-password.tsx';
import type { DialogProps } from './dialog-state.ts';
import { onEnter } from './on-enter.ts';
import { useUntilClosed } from './until-closed.ts';

/** The user's own account: name, password, signed-in devices, language, notifications. */
export function AccountDialog({ chat, onClose }: DialogProps) {
  const { app, openDialog } = useView();
  const t = dialogTexts();
  const { signal } = chat;
  const [account, setAccount] = useState<Account>();
  /** What has been done; in the current language. */
  const [done, setDone] = useState<() => string>();
  const [error, setError] = useState<unknown>();
  const name = useRef<HTMLInputElement>(null);
  const read = () => app.client.account.get({ signal }).then(setAccount, () => {});
  useEffect(() => void read(), []);
  const attempt = async (change: () => Promise<void>, text: () => string) => {
    setDone(undefined);
    setError(undefined);
    try {
      await change();
      setDone(() => text);
    } catch (error) {
      setError(error);
    }
  };
  const rename = async () => {
    const renamed = await app.client.account.rename(name.current?.value ?? '', { signal });
    app.renamed(renamed.username);
  };
  return (
    <Modal title={t.account} onClose={onClose}>
      <label for="own-name">{t.name}</label>
      <div class="row">
        <input
          id="own-name"
          ref={name}
          maxLength={64}
          defaultValue={chat.me.username}
          autocomplete="off"
          onKeyDown={onEnter(() => void attempt(rename, renamedText))}
        />
        <button type="button" class="secondary" onClick={() => void attempt(rename, renamedText)}>
          {t.rename}
        </button>
      </div>
      {account !== undefined && <AccountPassword account={account} signal={signal} attempt={attempt} reload={read} />}
      <p role="status">{done?.()}</p>
      <ErrorLine error={error} />
      <LanguageSwitch />
      <Alerts />
      <Sessions chat={chat} />
      <div class="buttons">
        <a class="button secondary" href="docs">
          {texts().common.documentation}
        </a>
        <button type="button" class="secondary dangerous" onClick={() => openDialog({ kind: 'delete-account' })}>
          {t.deleteAccount}
        </button>
      </div>
    </Modal>
  );
}

const renamedText = () => dialogTexts().renamed;

function Alerts() {
  const { app } = useView();
  const t = dialogTexts();
  return (
    <>
      {app.alerts.canNotify && (
        <label class="switch">
          <input
            type="checkbox"
            checked={app.alerts.notifies}
            onChange={({ currentTarget }) =>
              void app.alerts.setNotifies(currentTarget.checked).then(() => app.changed())
            }
          />{' '}
          {t.notify}
        </label>
      )}
      <label class="switch">
        <input
          type="checkbox"
          checked={app.alerts.sounds}
          onChange={({ currentTarget }) => {
            app.alerts.setSounds(currentTarget.checked);
            app.changed();
          }}
        />{' '}
        {t.sound}
      </label>
    </>
  );
}

function Sessions({ chat }: { chat: DialogProps['chat'] }) {
  const { app } = useView();
  const t = dialogTexts();
  const [sessions, setSessions] = useState<readonly Session[]>([]);
  const read = () => app.client.account.sessions({ signal: chat.signal }).then(setSessions, () => {});
  useEffect(() => void read(), []);
  const end = (id: string) => {
    app.client.account.endSession(id, { signal: chat.signal }).then(read, (error) => app.failed(error));
  };
  if (sessions.length === 0) return null;
  return (
    <details>
      <summary>{t.sessions(sessions.length)}</summary>
      <ul class="members">
        {sessions.map(({ id, device, created_at, current }) => (
          <li key={id}>
            <span class="name">
              <bdi>{deviceName(device)}</bdi> {current && <span class="hint">({t.thisDevice})</span>}
              <br />
              <span class="hint">{dateAndTime(new Date(created_at))}</span>
            </span>
            {!current && (
              <button type="button" class="secondary small" onClick={() => end(id)}>
                {t.endSession}
              </button>
            )}
          </li>
        ))}
      </ul>
    </details>
  );
}

/** Returns the node's name for a device in the user's language. A node of an earlier version has none. */
function deviceName(device: string | null | undefined): string {
  const t = dialogTexts();
  const [browser, system] = device?.split(' on ') ?? [];
  if (browser === undefined) return t.unknownDevice;
  return system === undefined ? browser : t.browserOn(browser, system);
}

/** Asks before an account is deleted. */
export function DeleteAccountDialog({ onClose }: DialogProps) {
  const { app } = useView();
  const t = dialogTexts();
  const signal = useUntilClosed();
  const password = useRef<HTMLInputElement>(null);
  const [erases, setErases] = useState(false);
  const remove = async () => {
    const given = password.current?.value ?? '';
    const messages = erases ? 'erase' : 'keep';
    await app.client.account.delete({ ...(given !== '' && { password: given }), messages, signal });
    app.leave(undefined, true);
  };
  return (
    <Modal title={t.deleteAccountTitle} action={t.deleteAccount} act={remove} isDangerous onClose={onClose}>
      <p>{t.deleteAccountText}</p>
      <label for="delete-password">
        {t.password} <span class="hint">{t.passwordIfAny}</span>
      </label>
      <input id="delete-password" type="password" ref={password} autocomplete="current-password" />
      <label class="switch">
        <input type="checkbox" checked={erases} onChange={({ currentTarget }) => setErases(currentTarget.checked)} />{' '}
        {t.eraseMessages}
      </label>
      <p class="hint" role="status">
        {erases ? t.messagesGo : t.messagesStay}
      </p>
    </Modal>
  );
}
