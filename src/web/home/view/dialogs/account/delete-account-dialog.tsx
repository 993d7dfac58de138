/// <reference lib="dom" />
import { useRef, useState } from 'preact/hooks';
import { dialogTexts } from '../../../../i18n/dialog-texts.ts';
import { Modal } from '../../../../shared/modal.tsx';
import { useView } from '../../context.ts';
import { Switch } from '../../elements/switch.tsx';
import type { DialogProps } from '../dialog-state.ts';
import { useUntilClosed } from '../until-closed.ts';

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
      <Switch label={t.eraseMessages} checked={erases} onSwitch={setErases} />
      <p class="hint" role="status">
        {erases ? t.messagesGo : t.messagesStay}
      </p>
    </Modal>
  );
}
