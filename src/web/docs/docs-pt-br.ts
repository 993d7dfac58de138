/** The texts of the page /docs in Brazilian Portuguese, which it loads when they are needed. */
import { common } from '../i18n/pt-br/common.ts';
import { docs } from '../i18n/pt-br/docs.ts';
import { errors } from '../i18n/pt-br/errors.ts';
import type { Translation } from '../i18n/texts.ts';

export const translation: Translation = { docs, common, errors };
