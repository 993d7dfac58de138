import type { Texts } from '../en/en.ts';
import { chat } from './chat.ts';
import { cluster } from './cluster.ts';
import { common } from './common.ts';
import { errors } from './errors.ts';

/** The texts in Brazilian Portuguese, by page. */
export const ptBr: Texts = { common, chat, cluster, errors };
