import { en, type Texts } from './en/en.ts';
import { currentLanguage, type Language } from './language.ts';
import { ptBr } from './pt-br/pt-br.ts';

const catalogues: Record<Language, Texts> = { en, 'pt-BR': ptBr };

/** Returns the texts in the current language. */
export function texts(): Texts {
  return catalogues[currentLanguage()];
}
