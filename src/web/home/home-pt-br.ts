/** The texts of the page /home in Brazilian Portuguese, which it loads when they are needed. */
import { chat } from '../i18n/pt-br/chat.ts';
import { common } from '../i18n/pt-br/common.ts';
import { dialogs } from '../i18n/pt-br/dialogs.ts';
import { errors } from '../i18n/pt-br/errors.ts';
import type { Translation } from '../i18n/texts.ts';

export const translation: Translation = { chat, dialogs: { ...chat, ...dialogs }, common, errors };
