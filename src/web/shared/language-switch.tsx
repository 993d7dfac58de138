import { chooseLanguage, currentLanguage, LANGUAGES, type Language } from '../i18n/language.ts';
import { texts } from '../i18n/texts.ts';

/** A select field for the page's language. */
export function LanguageSwitch() {
  return (
    <label class="language">
      <span>{texts().common.language}</span>
      <select onChange={({ currentTarget }) => void chooseLanguage(currentTarget.value as Language)}>
        {Object.entries(LANGUAGES).map(([tag, name]) => (
          <option key={tag} value={tag} lang={tag} selected={tag === currentLanguage()}>
            {name}
          </option>
        ))}
      </select>
    </label>
  );
}
