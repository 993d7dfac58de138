/** The texts of the page /cluster in Brazilian Portuguese, which it loads when they are needed. */
import { cluster } from '../i18n/pt-br/cluster.ts';
import { common } from '../i18n/pt-br/common.ts';
import { errors } from '../i18n/pt-br/errors.ts';
import type { Translation } from '../i18n/texts.ts';

export const translation: Translation = { cluster, common, errors };
