/// <reference lib="dom" />
import { useEffect, useState } from 'preact/hooks';
import type { Account, SignedInDevice } from '../../../../../client/index.ts';
import { dateAndTime } from '../../../../i18n/dates.ts';
import { dialogTexts } from '../../../../i18n/dialog-texts.ts';
import { useView } from '../../context.ts';
import type { DialogProps } from '../dialog-state.ts';

/** The devices that are signed in to the account, each of which the user can sign out. `account` changes when a new password ends their sessions. */
export function AccountSessions({ chat, account }: { chat: DialogProps['chat']; account: Account }) {
  const { app } = useView();
  const t = dialogTexts();
  const [sessions, setSessions] = useState<readonly SignedInDevice[]>([]);
  const read = () => app.client.account.sessions({ signal: chat.signal }).then(setSessions, () => {});
  useEffect(() => void read(), [account]);
  const end = (id: string) => {
    // After an error too: the device may have signed out itself.
    const ending = app.client.account.endSession(id, { signal: chat.signal });
    void ending.catch((error) => app.failed(error)).then(read);
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

/** Returns the node's name for a device in the user's language. An older node sends none. */
function deviceName(device: string | null | undefined): string {
  const t = dialogTexts();
  const [browser, system] = device?.split(' on ') ?? [];
  if (browser === undefined) return t.unknownDevice;
  return system === undefined ? browser : t.browserOn(browser, system);
}
