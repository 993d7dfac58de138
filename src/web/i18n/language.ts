/// <reference lib="dom" />

/** The languages of the pages by their tag, each by its own name. */
export const LANGUAGES = { en: 'English', 'pt-BR': 'Português' } as const;

/** A language of the pages. */
export type Language = keyof typeof LANGUAGES;

const KEY = 'plantao.language';
const listeners = new Set<() => void>();
let current: Language | undefined;

/** Returns the language that the user chose, or the best one for the browser. */
export function currentLanguage(): Language {
  current ??= chosen() ?? preferred();
  return current;
}

/** Returns the locale for dates and numbers: the language with the browser's region, if the browser has one for it. */
export function currentLocale(): string {
  const [language = ''] = currentLanguage().split('-');
  const tags = globalThis.navigator?.languages ?? [];
  return tags.find((tag) => tag.startsWith(`${language}-`)) ?? currentLanguage();
}

/** Changes the language of all pages on this device. */
export function chooseLanguage(language: Language): void {
  current = language;
  try {
    localStorage.setItem(KEY, language);
  } catch {
    // Storage is disabled: the choice lasts as long as the page.
  }
  for (const listener of listeners) listener();
}

/** Calls `listener` after each change of the language. Returns a function that removes it. */
export function onLanguageChange(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

function chosen(): Language | undefined {
  try {
    const stored = localStorage.getItem(KEY);
    return stored !== null && Object.hasOwn(LANGUAGES, stored) ? (stored as Language) : undefined;
  } catch {
    return undefined;
  }
}

function preferred(): Language {
  for (const tag of globalThis.navigator?.languages ?? []) {
    if (/^pt\b/i.test(tag)) return 'pt-BR';
    if (/^en\b/i.test(tag)) return 'en';
  }
  return 'en';
}
