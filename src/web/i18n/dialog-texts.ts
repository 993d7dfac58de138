import { chat } from './en/chat.ts';
import { dialogs } from './en/dialogs.ts';
import { currentTranslation, withEnglishFallback } from './texts.ts';

const english = { ...chat, ...dialogs };

/** Returns the texts of the chat page and of its dialogs in the current language. */
export function dialogTexts(): typeof english {
  return withEnglishFallback(english, currentTranslation()?.dialogs);
}
