/// <reference lib="dom" />
import { useRef } from 'preact/hooks';
import { dialogTexts } from '../../../../i18n/dialog-texts.ts';
import { chatTexts } from '../../../../i18n/texts.ts';
import { Modal } from '../../../../shared/modal.tsx';
import { acceptInvitation } from '../../../model/groups/accept-invitation.ts';
import { placeIn } from '../../../model/location.ts';
import { useView } from '../../context.ts';
import type { DialogProps } from '../dialog-state.ts';
import { useUntilClosed } from '../until-closed.ts';

/** Joins the group of an invitation link that the user has, also in an installed page, which has no address bar. */
export function UseInvitationDialog({ chat, onClose }: DialogProps) {
  const { app } = useView();
  const t = dialogTexts();
  const signal = useUntilClosed();
  const link = useRef<HTMLInputElement>(null);
  const tokenIn = (text: string) => placeIn(text.slice(Math.max(0, text.indexOf('#')))).invitation?.token;
  const check = (field: HTMLInputElement) =>
    field.setCustomValidity(tokenIn(field.value) === undefined ? t.noInvitation : '');
  const join = async () => {
    const token = tokenIn(link.current?.value ?? '');
    if (token === undefined) return false;
    const { group_name } = await acceptInvitation(app.client, chat, token, signal);
    app.show(() => chatTexts().joined(group_name));
    return true;
  };
  return (
    <Modal title={chatTexts().useInvitation} action={t.join} act={join} onClose={onClose}>
      <label for="invitation-link">{t.invitationLink}</label>
      <input
        id="invitation-link"
        ref={link}
        required
        autocomplete="off"
        onInput={({ currentTarget }) => check(currentTarget)}
      />
    </Modal>
  );
}
