/// <reference lib="dom" />
import { useRef, useState } from 'preact/hooks';
import { clusterTexts } from '../../i18n/texts.ts';

/** How long the button says that it has copied. */
const COPIED_MS = 1500;

/** A command to run elsewhere, with a button that copies it, or selects it if the browser refuses. */
export function CopyableCommand({ text }: { text: string }) {
  const code = useRef<HTMLElement>(null);
  const [isCopied, setCopied] = useState(false);
  const t = clusterTexts();
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      if (code.current !== null) getSelection()?.selectAllChildren(code.current);
      return;
    }
    setCopied(true);
    setTimeout(() => setCopied(false), COPIED_MS);
  };
  return (
    <div class="command">
      <code ref={code}>{text}</code>
      {/* Browsers offer the clipboard only to pages that came over TLS or from this machine. */}
      {navigator.clipboard !== undefined && (
        <button type="button" class="secondary small" onClick={() => void copy()}>
          {isCopied ? t.copied : t.copy}
        </button>
      )}
    </div>
  );
}
