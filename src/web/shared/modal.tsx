/// <reference lib="dom" />
import type { ComponentChildren } from 'preact';
import { useLayoutEffect, useRef, useState } from 'preact/hooks';
import { texts } from '../i18n/texts.ts';
import { ErrorLine } from './error-line.tsx';

interface Props {
  title: string;
  children: ComponentChildren;
  /** The label of the submit button; absent if the dialog only shows something. */
  action?: string;
  /** Runs on submit. The dialog closes when it succeeds, stays open if it resolves to false, and shows the error if it fails. */
  act?: () => Promise<unknown>;
  /** Further buttons. */
  buttons?: ComponentChildren;
  /** True if the action cannot be undone. */
  isDangerous?: boolean;
  isWide?: boolean;
  /** True if the dialog itself gets the focus: with the focus on its first field, a phone would open the keyboard. */
  hasFocus?: boolean;
  onClose: () => void;
}

/**
 * A dialog. The browser traps the focus, closes the dialog on Escape or a click beside it, and restores the focus. Cancelling
 * works at any time.
 */
export function Modal({ title, children, action, act, buttons, isDangerous, isWide, hasFocus, onClose }: Props) {
  const dialog = useOpenDialog(hasFocus);
  const close = () => dialog.current?.close();
  const { busy, error, submit } = useSubmit(close, act);
  const t = texts().common;
  return (
    <dialog
      ref={dialog}
      class={isWide === true ? 'wide' : ''}
      aria-labelledby="dialog-title"
      closedby="any"
      tabIndex={-1}
      onClose={onClose}
    >
      <form method="dialog" onSubmit={(event) => void submit(event)} aria-busy={busy}>
        <h2 id="dialog-title" dir="auto">
          {title}
        </h2>
        <div class="dialog-body">{children}</div>
        <ErrorLine error={error} />
        <div class="buttons">
          <button type="submit" class={isDangerous ? 'danger' : ''} disabled={busy}>
            {busy && <span class="spinner" />}
            {action ?? t.close}
          </button>
          {buttons}
          {action !== undefined && (
            <button type="button" class="secondary" onClick={close}>
              {t.cancel}
            </button>
          )}
        </div>
      </form>
    </dialog>
  );
}

/** Opens the dialog, and closes it when it leaves the page. */
function useOpenDialog(hasFocus: boolean | undefined) {
  const dialog = useRef<HTMLDialogElement>(null);
  useLayoutEffect(() => {
    const opened = dialog.current;
    opened?.showModal();
    if (hasFocus) opened?.focus();
    // The first field or button may be at the end of a long text.
    opened?.scrollTo(0, 0);
    // Closed before it is removed, so that the browser restores the focus.
    return () => opened?.close();
  }, []);
  return dialog;
}

function useSubmit(close: () => void, act: Props['act']) {
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>();
  const submit = async (event: Event) => {
    event.preventDefault();
    if (act === undefined) return close();
    setBusy(true);
    setError(undefined);
    try {
      if ((await act()) !== false) close();
    } catch (error) {
      setError(error);
    } finally {
      setBusy(false);
    }
  };
  return { busy, error, submit };
}
