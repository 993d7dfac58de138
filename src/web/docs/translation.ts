/// <reference lib="dom" />
import {
  chooseLanguage,
  currentLanguage,
  LANGUAGES,
  type Language,
  onLanguageChange,
  startLanguage,
} from '../i18n/language.ts';
import { docsTexts, texts } from '../i18n/texts.ts';

type Shown = (element: HTMLElement) => string;

/** The page's own texts by selector. The descriptions of the API are English. */
const PARTS: readonly (readonly [selector: string, text: Shown])[] = [
  ['.site-header nav a[href="home"]', () => texts().common.chat],
  ['.site-header nav a[href="cluster"]', () => texts().common.cluster],
  ['.site-header nav a[href="docs"]', () => texts().common.documentation],
  ['#descriptions', () => docsTexts().descriptions],
  ['#for-programs', () => docsTexts().forPrograms],
  ['label[for="token"]', () => docsTexts().token],
  ['label[for="filter"]', () => docsTexts().filter],
  ['.contents summary', () => docsTexts().contents],
  ['.part > h2', (heading) => docsTexts().sections[original(heading)] ?? original(heading)],
  ['#reference', () => docsTexts().reference],
  ['#event-kinds, #reference + ul a[href="#event-kinds"]', () => docsTexts().eventKinds],
  ['#reference + ul a[href="#guide-errors"]', () => docsTexts().errorCodes],
  ['#schemas, #reference + ul a[href="#schemas"]', () => docsTexts().schemas],
  ['th:nth-child(1)', (cell) => (original(cell) === 'Name' ? docsTexts().name : original(cell))],
  ['th:nth-child(2)', (cell) => (original(cell) === 'In' ? docsTexts().place : original(cell))],
  ['th:nth-child(3)', (cell) => (original(cell) === 'Description' ? docsTexts().description : original(cell))],
  ['section > p > strong:not(.answers *)', () => docsTexts().needsToken],
  ['button.copy', () => docsTexts().copy],
  ['.try .stop', () => docsTexts().stop],
  ['.try summary', () => docsTexts().tryIt],
  ['.try button[type="submit"]', (button) => original(button).replace('Send', docsTexts().send)],
  [
    '.example summary',
    (summary) => original(summary).replace('Response', docsTexts().response).replace('Example', docsTexts().example),
  ],
];

/** Shows the page's own texts in the user's language, and offers the choice of another. `changed` is called after each change. */
export function translatePage(changed: () => void): void {
  const translate = () => {
    showTexts();
    changed();
  };
  onLanguageChange(translate);
  void startLanguage().then(() => {
    document.querySelector('.site-header')?.append(languageSwitch());
    translate();
  });
}

function showTexts(): void {
  const lang = currentLanguage();
  document.documentElement.lang = lang;
  for (const [selector, text] of PARTS) {
    for (const element of document.querySelectorAll<HTMLElement>(selector)) {
      original(element);
      element.textContent = text(element);
      element.lang = lang;
    }
  }
  for (const [selector, hint] of [
    ['#token', docsTexts().tokenHint],
    ['#filter', docsTexts().filterHint],
  ] as const) {
    document.querySelector(selector)?.setAttribute('placeholder', hint);
  }
  document.querySelector('.site-header nav')?.setAttribute('aria-label', texts().common.pages);
  document.querySelector('.contents')?.setAttribute('aria-label', docsTexts().contents);
  document.querySelector('.site-header .language span')?.replaceChildren(texts().common.language);
  document.querySelector('#descriptions')?.toggleAttribute('hidden', docsTexts().descriptions === '');
}

/** Returns the English text that the element had at first. */
function original(element: HTMLElement): string {
  element.dataset.original ??= element.textContent ?? '';
  return element.dataset.original;
}

function languageSwitch(): HTMLElement {
  const label = document.createElement('label');
  label.className = 'language';
  const select = document.createElement('select');
  for (const [tag, name] of Object.entries(LANGUAGES)) {
    const option = new Option(name, tag, false, tag === currentLanguage());
    option.lang = tag;
    select.append(option);
  }
  select.addEventListener('change', () => void chooseLanguage(select.value as Language));
  label.append(document.createElement('span'), select);
  return label;
}
