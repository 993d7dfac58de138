/// <reference lib="dom" />
import { useEffect, useRef } from 'preact/hooks';
import type { Message } from '../../../../client/index.ts';
import { dialogTexts } from '../../../i18n/dialog-texts.ts';
import { Modal } from '../../../shared/modal.tsx';
import { useView } from '../context.ts';
import type { DialogProps, GroupDialogProps } from './dialog-state.ts';

const EMOJI = '👍 ❤️ 😂 🎉 😮 😢 🙏 👀 ✅ ❌ 🔥 👏 🤔 💯 🚀 👋 😍 😅 😎 🙌 💪 ☕ ⏳ 👎'.split(' ');

/** Offers reactions to a message. */
export function ReactDialog({ chat, onClose, conversation, message }: GroupDialogProps & { message: Message }) {
  const { app } = useView();
  const react = (emoji: string) => {
    onClose();
    // As it is now: its reactions may have changed while the dialog was open.
    const current = conversation.window.find(message.id) ?? message;
    chat.changes.react(conversation, current, emoji).catch((error) => app.failed(error));
  };
  return (
    <Modal title={dialogTexts().react} onClose={onClose}>
      <div class="emoji">
        {EMOJI.map((emoji) => (
          <button key={emoji} type="button" class="secondary" aria-label={emoji} onClick={() => react(emoji)}>
            {emoji}
          </button>
        ))}
      </div>
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

/** A field with an address that is ready to be copied. */
export function LinkField({ address }: { address: string }) {
  const field = useRef<HTMLInputElement>(null);
  useEffect(() => field.current?.select(), [address]);
  return <input ref={field} aria-label={dialogTexts().link} readOnly value={address} />;
}
