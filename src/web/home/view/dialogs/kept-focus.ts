/// <reference lib="dom" />
import { useLayoutEffect } from 'preact/hooks';
import type { Conversation } from '../../model/messages/conversation.ts';

const isLost = () => document.activeElement === document.body;

/** Keeps the focus in the open dialog when the control that has it disappears. Another `key` means another dialog. */
export function useKeptFocus(key: number): void {
  useLayoutEffect(() => {
    const dialog = document.querySelector<HTMLElement>('dialog[open]');
    if (dialog === null) return;
    const observer = new MutationObserver(() => isLost() && dialog.focus());
    observer.observe(dialog, { childList: true, subtree: true });
    return () => observer.disconnect();
  }, [key]);
}

/**
 * Returns the focus to the message that a dialog was about, or to the next one if it is gone. The browser cannot: the buttons of a
 * message exist only while it has the focus.
 */
export function useMessageFocus({ window }: Conversation, id: number): void {
  useLayoutEffect(() => {
    const at = window.all.findIndex((one) => one.id === id);
    const ids = [id, window.all[at + 1]?.id, window.all[at - 1]?.id];
    return () => {
      // The browser restores the focus when the dialog is removed.
      setTimeout(() => {
        const near = ids.find((one) => one !== undefined && window.find(one) !== undefined);
        if (isLost()) document.getElementById(`message-${near}`)?.focus({ preventScroll: true });
      });
    };
  }, []);
}
