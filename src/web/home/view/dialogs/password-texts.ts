import type { AuthMode } from '../../../../client/index.ts';
import { dialogTexts } from '../../../i18n/dialog-texts.ts';

/** The texts of the account dialog about a password. */
interface PasswordTexts {
  /** There is none; with the user's name. */
  none: (name: string) => string;
  /** The first one was set. */
  set: string;
  changed: string;
}

/**
 * Returns what a password of the account protects, in the current language. Only with AUTH=token is that everything: with AUTH=open
 * a password is asked for at the sign-in, and requests name any user. Before the mode is known, nothing more is promised.
 */
export function passwordTexts(auth: AuthMode | undefined): PasswordTexts {
  const t = dialogTexts();
  if (auth === 'token') return { none: t.noPassword, set: t.passwordSet, changed: t.passwordChanged };
  return { none: t.noPasswordOpen, set: t.passwordSetOpen, changed: t.passwordChangedOpen };
}
