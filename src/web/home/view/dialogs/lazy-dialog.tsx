/// <reference lib="dom" />
import { Component, type ComponentChildren } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { chatTexts } from '../../../i18n/texts.ts';
import { ErrorLine } from '../../../shared/error-line.tsx';
import { Modal } from '../../../shared/modal.tsx';
import type { ChatState } from '../../model/chat-state.ts';
import { useView } from '../context.ts';
import type { DialogState } from './dialog-state.ts';
import { dialogsIfLoaded, loadDialogs } from './load-dialogs.ts';

interface Props {
  chat: ChatState;
  dialog: DialogState;
  close: (dialog: DialogState) => void;
}

/** The open dialog. Usually its code has been loaded already. */
export function LazyDialog({ chat, dialog, close }: Props) {
  const { app } = useView();
  const [dialogs, setDialogs] = useState(dialogsIfLoaded);
  const [error, setError] = useState<unknown>();
  useEffect(() => {
    if (dialogs === undefined) loadDialogs().then((loaded) => setDialogs(loaded), setError);
  }, [dialogs]);
  const onClose = () => close(dialog);
  if (dialogs === undefined) {
    // The browser also reports that this one is closed when the loaded dialog replaces it.
    const onLoadingClose = () => dialogsIfLoaded() === undefined && onClose();
    return (
      <Modal title={chatTexts().loadingDialog} onClose={onLoadingClose}>
        {error === undefined ? <span class="spinner" /> : <LoadProblem error={error} />}
      </Modal>
    );
  }
  const failed = () => {
    onClose();
    app.show(() => chatTexts().reloadPage);
  };
  return (
    <Boundary key={dialog.kind} failed={failed}>
      <dialogs.DialogView chat={chat} dialog={dialog} close={close} />
    </Boundary>
  );
}

/** Shows why the dialogs cannot be loaded. With a network, the likely cause is an update: no node has this page's files any longer. */
function LoadProblem({ error }: { error: unknown }) {
  if (!navigator.onLine) return <ErrorLine error={error} />;
  return (
    <p class="error" role="alert">
      {chatTexts().reloadPage}
    </p>
  );
}

/** Closes a dialog that cannot be rendered, while the page goes on: the dialog's file may come from a node of another version. */
class Boundary extends Component<{ failed: () => void; children: ComponentChildren }, { isBroken: boolean }> {
  override state = { isBroken: false };

  override componentDidCatch(): void {
    this.setState({ isBroken: true });
    this.props.failed();
  }

  override render() {
    return this.state.isBroken ? null : this.props.children;
  }
}
