/// <reference lib="dom" />
import type { RefObject } from 'preact';
import { useLayoutEffect, useRef } from 'preact/hooks';
import { number } from '../../../../i18n/durations.ts';
import { errorText } from '../../../../i18n/error-text.ts';
import { chatTexts, texts } from '../../../../i18n/texts.ts';
import type { ChatState } from '../../../model/chat-state.ts';
import type { Conversation } from '../../../model/messages/conversation.ts';
import { plainText } from '../../../model/text/plain-text.ts';
import { shownName } from '../../../model/user-names.ts';
import { IconButton } from '../../elements/icons.tsx';
import type { ComposerMode } from './composer-mode.ts';
import { type DraftField, type DraftOptions, MAX_MESSAGE_LENGTH, useDraft } from './draft.ts';
import { insertMention, MentionList, type Mentions, useMentions } from './mention-list.tsx';

/** The message input. Each group keeps its own draft, also through a reload. */
export function Composer(options: DraftOptions) {
  const { chat, conversation, mode, setMode } = options;
  const t = chatTexts();
  const field = useRef<HTMLTextAreaElement>(null);
  // Before the browser shows it: later, the user may have moved the focus or opened a dialog, which returns the focus where it was.
  useLayoutEffect(() => {
    // On a touch screen the keyboard would cover the messages.
    if (mode.kind !== 'write' || matchMedia('(hover: hover)').matches) field.current?.focus();
  }, [mode]);
  const draft = useDraft(options);
  const { text, excess, isSaving, keep, send, cancel } = draft;
  const mentions = useMentions(conversation, chat.me.id);
  const choose = (name: string) => {
    if (field.current !== null) keep(insertMention(field.current, name));
    mentions.close();
  };
  const press = (event: KeyboardEvent) => {
    // While a word is being composed (Japanese, accents), the keys belong to the input method.
    if (event.isComposing || mentions.press(event, choose)) return;
    if (event.key === 'Escape' && mode.kind !== 'write') cancel();
    else if (event.key === 'ArrowUp' && text === '' && mode.kind === 'write') editLast(chat, conversation, setMode);
    else if (event.key === 'Enter' && !event.shiftKey) send();
    else return;
    event.preventDefault();
  };
  return (
    <form
      id="composer"
      onSubmit={(event) => {
        event.preventDefault();
        send();
        field.current?.focus();
      }}
    >
      {mode.kind !== 'write' && <ModeLine mode={mode} conversation={conversation} cancel={cancel} />}
      <MentionList mentions={mentions} choose={choose} />
      <DraftText options={options} draft={draft} field={field} mentions={mentions} press={press} />
      <button type="submit" disabled={excess > 0 || isSaving}>
        {isSaving && <span class="spinner" />}
        {mode.kind === 'edit' ? t.save : t.send}
      </button>
      <ProblemLine draft={draft} />
    </form>
  );
}

interface DraftTextProps {
  options: DraftOptions;
  draft: DraftField;
  field: RefObject<HTMLTextAreaElement | null>;
  mentions: Mentions;
  press: (event: KeyboardEvent) => void;
}

function DraftText({ options, draft, field, mentions, press }: DraftTextProps) {
  const { chat, conversation, mode } = options;
  const t = chatTexts();
  return (
    <>
      <label for="draft" class="visually-hidden">
        {t.message}
      </label>
      <textarea
        id="draft"
        ref={field}
        rows={1}
        dir="auto"
        placeholder={t.writeMessage}
        enterkeyhint="send"
        aria-describedby="draft-hint"
        aria-invalid={draft.excess > 0}
        readOnly={draft.isSaving}
        {...mentions.attributes}
        value={draft.text}
        onInput={({ currentTarget }) => {
          draft.keep(currentTarget.value);
          if (mode.kind !== 'edit') chat.live.reports.typed(conversation, currentTarget.value);
          mentions.update(currentTarget);
        }}
        onKeyDown={press}
        onBlur={() => mentions.close()}
      />
      <span id="draft-hint" class="visually-hidden">
        {t.enterSends}
      </span>
    </>
  );
}

function ProblemLine({ draft: { excess, problem } }: { draft: DraftField }) {
  if (excess <= 0 && problem === undefined) return null;
  return (
    <p class="error" role="alert">
      {excess > 0 ? chatTexts().tooLong(number(excess), number(MAX_MESSAGE_LENGTH)) : errorText(problem)}
    </p>
  );
}

/** Edits the user's latest message, as the arrow key does in most chats. */
function editLast(chat: ChatState, { window, waiting }: Conversation, setMode: (mode: ComposerMode) => void): void {
  // The latest message is still being sent, and the user does not mean an earlier one.
  if (waiting !== undefined) return;
  const message = window.all.findLast(({ sender_id }) => sender_id === chat.me.id);
  if (message !== undefined && !window.hasNewer) setMode({ kind: 'edit', message });
}

interface ModeLineProps {
  mode: Exclude<ComposerMode, { kind: 'write' }>;
  conversation: Conversation;
  cancel: () => void;
}

function ModeLine({ mode, conversation, cancel }: ModeLineProps) {
  const t = chatTexts();
  // The current text, if that message is loaded: it may have been edited since.
  const { content } = conversation.window.find(mode.message.id) ?? mode.message;
  return (
    <div class="mode">
      <span dir="auto">
        <strong dir="auto">{mode.kind === 'edit' ? t.editing : t.replyingTo(shownName(mode.message.sender))}</strong>{' '}
        {plainText(content).slice(0, 100)}
      </span>
      <IconButton icon="close" label={texts().common.cancel} onClick={cancel} />
    </div>
  );
}
