/// <reference lib="dom" />
import { useEffect, useState } from 'preact/hooks';
import type { OpenInvitation } from '../../../../../client/index.ts';
import { dateAndTime } from '../../../../i18n/dates.ts';
import { dialogTexts } from '../../../../i18n/dialog-texts.ts';
import { ErrorLine } from '../../../../shared/error-line.tsx';
import { addressOf, invitationHash } from '../../../model/location.ts';
import { useView } from '../../context.ts';
import type { GroupDialogProps } from '../dialog-state.ts';
import { LinkField } from '../small-dialogs.tsx';

/** Creates invitation links to a group, and lists the open ones with a way to withdraw each. */
export function Invitations({ chat, conversation }: GroupDialogProps) {
  const { app } = useView();
  const t = dialogTexts();
  const [address, setAddress] = useState('');
  const [open, setOpen] = useState<readonly OpenInvitation[]>([]);
  const [error, setError] = useState<unknown>();
  const { id } = conversation.group;
  const { signal } = chat;
  const { groups } = app.client;
  // An older node does not list them.
  const read = () => groups.invitations(id, { signal }).then(setOpen, () => {});
  useEffect(() => void read(), [id]);
  const attempt = async (change: () => Promise<void>) => {
    setError(undefined);
    try {
      await change();
    } catch (error) {
      setError(error);
    }
    await read();
  };
  const invite = () =>
    attempt(async () => setAddress(addressOf(invitationHash((await groups.invite(id, { signal })).token))));
  const withdraw = (invitationId: string) =>
    attempt(async () => {
      await groups.revokeInvitation(id, invitationId, { signal });
      // The link that is shown may be the one withdrawn: its address does not tell.
      setAddress('');
    });
  return (
    <>
      <div class="buttons">
        <button type="button" class="secondary" onClick={() => void invite()}>
          {t.invite}
        </button>
      </div>
      {address !== '' && (
        <>
          <LinkField address={address} />
          <p class="hint">{t.inviteHint}</p>
        </>
      )}
      {open.length > 0 && (
        <details>
          <summary>{t.invitations(open.length)}</summary>
          <ul class="members">
            {open.map((one) => {
              const label = t.validUntil(dateAndTime(new Date(one.expires_at)));
              return (
                <li key={one.id}>
                  <span class="name">{label}</span>
                  <button
                    type="button"
                    class="secondary small"
                    aria-label={`${t.withdraw}: ${label}`}
                    onClick={() => void withdraw(one.id)}
                  >
                    {t.withdraw}
                  </button>
                </li>
              );
            })}
          </ul>
        </details>
      )}
      <ErrorLine error={error} />
    </>
  );
}
