/// <reference lib="dom" />
import { useEffect, useState } from 'preact/hooks';
import type { OpenInvitation } from '../../../../../client/index.ts';
import { dateAndTime } from '../../../../i18n/dates.ts';
import { dialogTexts } from '../../../../i18n/dialog-texts.ts';
import { ErrorLine } from '../../../../shared/error-line.tsx';
import type { ChatState } from '../../../model/chat-state.ts';
import { invitationHash, pageAddressOf } from '../../../model/location.ts';
import { useView } from '../../context.ts';
import { useAttempt } from '../attempt.ts';
import type { GroupDialogProps } from '../dialog-state.ts';
import { LinkField } from '../small-dialogs.tsx';

/** Creates invitation links to a group, and lists the open ones with a way to withdraw each. */
export function InvitationList({ chat, conversation }: GroupDialogProps) {
  const t = dialogTexts();
  const { address, open, error, invite, withdraw } = useInvitations(chat, conversation.group.id);
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
            {open.map((one) => (
              <InvitationLine key={one.id} expiresAt={one.expires_at} withdraw={() => void withdraw(one.id)} />
            ))}
          </ul>
        </details>
      )}
      <ErrorLine error={error} />
    </>
  );
}

/** Reads the open invitations to a group, creates others and withdraws them. `address` is the link that was created last. */
function useInvitations({ signal }: ChatState, groupId: number) {
  const { groups } = useView().app.client;
  const [address, setAddress] = useState('');
  const [open, setOpen] = useState<readonly OpenInvitation[]>([]);
  const { attempt, error } = useAttempt();
  // An older node does not list them.
  const read = () => groups.invitations(groupId, { signal }).then(setOpen, () => {});
  useEffect(() => void read(), [groupId]);
  const change = (change: () => Promise<void>) => attempt(change).then(read);
  const invite = () =>
    change(async () => setAddress(pageAddressOf(invitationHash((await groups.invite(groupId, { signal })).token))));
  const withdraw = (invitationId: string) =>
    change(async () => {
      await groups.revokeInvitation(groupId, invitationId, { signal });
      // The link that is shown may be the one that was withdrawn: its address does not reveal which invitation it is.
      setAddress('');
    });
  return { address, open, error, invite, withdraw };
}

function InvitationLine({ expiresAt, withdraw }: { expiresAt: string; withdraw: () => void }) {
  const t = dialogTexts();
  const label = t.validUntil(dateAndTime(new Date(expiresAt)));
  return (
    <li>
      <span class="name">{label}</span>
      <button type="button" class="secondary small" aria-label={`${t.withdraw}: ${label}`} onClick={withdraw}>
        {t.withdraw}
      </button>
    </li>
  );
}
