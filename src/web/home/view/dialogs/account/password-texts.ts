import type { AuthMode } from '../../../../../client/index.ts';
import { dialogTexts } from '../../../../i18n/dialog-texts.ts';

/** The texts of the account dialog about a password. */
interface PasswordTexts {
  /** There is none; with the user's name. */
  none: (name: string) => string;
  /** The first one was set. */
  set: string;
  changed: string;
}

/**
 * Returns the texts about what a password protects, in the current language. Only with AUTH=token it protects everything: with
 * AUTH=open only the sign-in asks for it, and a request may name any user. While the mode is unknown, the texts promise only that.
 */
export function passwordTexts(auth: AuthMode | undefined): PasswordTexts {
  const t = dialogTexts();
  if (auth === 'token') return { none: t.noPassword, set: t.passwordSet, changed: t.passwordChanged };
  return { none: t.noPasswordOpen, set: t.passwordSetOpen, changed: t.passwordChangedOpen };
}
