/// <reference lib="dom" />
import { type ComponentType, render } from 'preact';
import { currentLanguage, onLanguageChange, startLanguage } from '../i18n/language.ts';

/**
 * Renders a page into its element `#app` once its texts are loaded. Renders it again when the user chooses another language; it keeps
 * its state.
 */
export function mount(Page: ComponentType): void {
  const root = document.getElementById('app');
  if (root === null) throw new Error('the page has no element #app');
  const draw = () => {
    document.documentElement.lang = currentLanguage();
    render(<Page />, root);
  };
  onLanguageChange(draw);
  void startLanguage().then(draw);
}
