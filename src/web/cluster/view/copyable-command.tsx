/// <reference lib="dom" />
import { useState } from 'preact/hooks';
import { clusterTexts } from '../../i18n/texts.ts';

/** How long the button says that it has copied. */
const COPIED_MS = 1500;

/** A command to run elsewhere, with a button that copies it. */
export function CopyableCommand({ text }: { text: string }) {
  const [isCopied, setCopied] = useState(false);
  const t = clusterTexts();
  const copy = async () => {
    await navigator.clipboard.writeText(text);
    setCopied(true);
    setTimeout(() => setCopied(false), COPIED_MS);
  };
  return (
    <div class="command">
      <code>{text}</code>
      {/* Browsers offer the clipboard only to pages that came over TLS or from this machine. */}
      {navigator.clipboard !== undefined && (
        <button type="button" class="secondary small" onClick={() => void copy().catch(() => {})}>
          {isCopied ? t.copied : t.copy}
        </button>
      )}
    </div>
  );
}
