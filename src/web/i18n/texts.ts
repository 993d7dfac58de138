import { chat } from './en/chat.ts';
import { cluster } from './en/cluster.ts';
import { common } from './en/common.ts';
import type { dialogs } from './en/dialogs.ts';
import { docs } from './en/docs.ts';
import { errors } from './en/errors.ts';

/** The texts of a page in a language other than English. Each page has its own: see `home-pt-br.ts`. */
export interface Translation {
  common: typeof common;
  errors: typeof errors;
  chat?: typeof chat;
  dialogs?: typeof dialogs & typeof chat;
  cluster?: typeof cluster;
  docs?: typeof docs;
}

/*
 * One function per page, so that no page loads the texts of another. A text that English has and another language lacks fails to
 * compile.
 */

let translation: Translation | undefined;

/** Shows this translation; undefined for English. */
export function setTranslation(chosen: Translation | undefined): void {
  translation = chosen;
}

/** Returns the texts of the current language; undefined for English. */
export function currentTranslation(): Translation | undefined {
  return translation;
}

/** Returns the texts that several pages use, and those of errors, in the current language. */
export function texts(): { common: typeof common; errors: typeof errors } {
  return {
    common: withEnglishFallback(common, translation?.common),
    errors: withEnglishFallback(errors, translation?.errors),
  };
}

/** Returns the texts of the chat page in the current language. */
export function chatTexts(): typeof chat {
  return withEnglishFallback(chat, translation?.chat);
}

/** Returns the texts of the cluster page in the current language. */
export function clusterTexts(): typeof cluster {
  return withEnglishFallback(cluster, translation?.cluster);
}

/** Returns the texts of the documentation page in the current language. */
export function docsTexts(): typeof docs {
  return withEnglishFallback(docs, translation?.docs);
}

const completed = new WeakMap<object, object>();

/** Completes a translation: it may come from a node of another version, and lack a text that this page has. */
export function withEnglishFallback<Texts extends object>(english: Texts, translated: Texts | undefined): Texts {
  if (translated === undefined) return english;
  const known = completed.get(translated) ?? { ...english, ...translated };
  completed.set(translated, known);
  return known as Texts;
}
