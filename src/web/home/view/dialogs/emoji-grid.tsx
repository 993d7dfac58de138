/// <reference lib="dom" />
import { useRef, useState } from 'preact/hooks';
import { dialogTexts } from '../../../i18n/dialog-texts.ts';

const EMOJI = '👍 ❤️ 😂 🎉 😮 😢 🙏 👀 ✅ ❌ 🔥 👏 🤔 💯 🚀 👋 😍 😅 😎 🙌 💪 ☕ ⏳ 👎'.split(' ');

/** The reactions, as a grid that is a single tab stop: the arrow keys, Home and End move in it. */
export function EmojiGrid({ choose }: { choose: (emoji: string) => void }) {
  const grid = useRef<HTMLDivElement>(null);
  const [tabStop, setTabStop] = useState(0);
  const move = (event: KeyboardEvent) => {
    const buttons = [...(grid.current?.children ?? [])] as HTMLElement[];
    const next = buttons[indexAfter(event.key, tabStop, buttons)];
    if (next === undefined || event.ctrlKey || event.altKey || event.metaKey) return;
    event.preventDefault();
    next.focus();
  };
  return (
    <div class="emoji" role="toolbar" aria-label={dialogTexts().react} ref={grid} onKeyDown={move}>
      {EMOJI.map((emoji, index) => (
        <button
          key={emoji}
          type="button"
          class="secondary"
          aria-label={emoji}
          tabIndex={index === tabStop ? 0 : -1}
          onFocus={() => setTabStop(index)}
          onClick={() => choose(emoji)}
        >
          {emoji}
        </button>
      ))}
    </div>
  );
}

/** Returns the index to which a key moves; NaN for another key, and an index outside of the grid at its edges. */
function indexAfter(key: string, at: number, buttons: readonly HTMLElement[]): number {
  const columns = buttons.filter(({ offsetTop }) => offsetTop === buttons[0]?.offsetTop).length;
  const steps: Record<string, number> = {
    ArrowLeft: -1,
    ArrowRight: 1,
    ArrowUp: -columns,
    ArrowDown: columns,
    Home: -at,
    End: buttons.length - 1 - at,
  };
  return at + (steps[key] ?? Number.NaN);
}
