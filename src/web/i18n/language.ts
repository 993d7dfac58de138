/// <reference lib="dom" />
import { setTranslation, type Translation } from './texts.ts';

/** The languages of the pages by their tag, each by its own name. */
export const LANGUAGES = { en: 'English', 'pt-BR': 'Português' } as const;

/** A language of the pages. */
export type Language = keyof typeof LANGUAGES;

const KEY = 'plantao.language';
/** A page begins in English if the texts of its language take longer than this, in milliseconds. */
const START_MS = 3000;
const listeners = new Set<() => void>();
let current: Language = 'en';
/** The language that is being loaded, or the current one. */
let wanted: Language = 'en';

/** Returns the language of the page. It is English until {@link startLanguage} has loaded another one. */
export function currentLanguage(): Language {
  return current;
}

/** Returns the locale for dates and numbers: the language with the browser's region, if the browser has one for it. */
export function currentLocale(): string {
  const [language = ''] = currentLanguage().split('-');
  const tags = globalThis.navigator?.languages ?? [];
  return tags.find((tag) => tag.startsWith(`${language}-`)) ?? currentLanguage();
}

/** Shows the page in the language that the user chose, or in the best one for the browser. If its texts are late, the page changes to it when they arrive. */
export async function startLanguage(): Promise<void> {
  addEventListener('storage', ({ key }) => {
    // Another tab has changed the language.
    if (key === KEY) void use(chosen() ?? preferred()).then(report);
  });
  let isLate = false;
  const loading = use(chosen() ?? preferred()).then(() => isLate && report());
  const waiting = new Promise<void>((resolve) => {
    setTimeout(() => {
      isLate = true;
      resolve();
    }, START_MS);
  });
  await Promise.race([loading, waiting]);
}

/** Changes the language of all pages on this device. If its texts cannot be loaded, this page keeps the one that it has. */
export async function chooseLanguage(language: Language): Promise<void> {
  try {
    localStorage.setItem(KEY, language);
  } catch {
    // Storage is disabled: the choice lasts as long as the page.
  }
  await use(language);
  report();
}

function report(): void {
  for (const listener of listeners) listener();
}

/** Switches to a language. English is part of the page; the others are separate files, because no user needs all of them. */
async function use(language: Language): Promise<void> {
  wanted = language;
  try {
    const translation = language === 'en' ? undefined : await translationTo(language);
    // The user has chosen another language since.
    if (wanted !== language) return;
    setTranslation(translation);
    current = language;
  } catch {
    // No connection.
  }
}

/** Loads the texts of this page. The page's head names the file, because the file name has a hash. */
async function translationTo(language: Language): Promise<Translation> {
  const file = document.querySelector<HTMLMetaElement>(`meta[name="texts-${language}"]`)?.content ?? '';
  const loaded: { translation: Translation } = await import(new URL(file, document.baseURI).href);
  return loaded.translation;
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
