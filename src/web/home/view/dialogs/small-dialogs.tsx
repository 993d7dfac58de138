/// <reference lib="dom" />
import { useEffect, useRef, useState } from 'preact/hooks';
import type { Message } from '../../../../client/index.ts';
import { dialogTexts } from '../../../i18n/dialog-texts.ts';
import { Modal } from '../../../shared/modal.tsx';
import { useView } from '../context.ts';
import type { DialogProps, GroupDialogProps } from './dialog-state.ts';
import { EmojiGrid } from './emoji-grid.tsx';
import { useMessageFocus } from './kept-focus.ts';

/** Offers reactions to a message. */
export function ReactDialog({ chat, onClose, conversation, message }: GroupDialogProps & { message: Message }) {
  const { app } = useView();
  useMessageFocus(conversation, message.id);
  const react = (emoji: string) => {
    onClose();
    // As it is now: its reactions may have changed while the dialog was open.
    const current = conversation.window.find(message.id) ?? message;
    chat.changes.react(conversation, current, emoji).catch((error) => app.failed(error));
  };
  return (
    <Modal title={dialogTexts().react} onClose={onClose}>
      <EmojiGrid choose={react} />
    </Modal>
  );
}

/** Shows an address to copy, where the browser does not let the page copy it. */
export function LinkDialog({ onClose, address }: DialogProps & { address: string }) {
  return (
    <Modal title={dialogTexts().link} onClose={onClose}>
      <LinkField address={address} />
    </Modal>
  );
}

/** A field with an address, and a button that copies it where the browser lets the page do so. */
export function LinkField({ address }: { address: string }) {
  const t = dialogTexts();
  const field = useRef<HTMLInputElement>(null);
  /** The address that was copied. */
  const [copied, setCopied] = useState('');
  useEffect(() => field.current?.select(), [address]);
  const copy = async () => {
    await navigator.clipboard.writeText(address).then(
      () => setCopied(address),
      () => field.current?.select(),
    );
  };
  return (
    <div class="row">
      <input ref={field} aria-label={t.link} readOnly value={address} />
      {'clipboard' in navigator && (
        <button type="button" class="secondary" aria-live="polite" onClick={() => void copy()}>
          {copied === address ? t.copied : t.copy}
        </button>
      )}
    </div>
  );
}
