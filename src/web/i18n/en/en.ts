import { chat } from './chat.ts';
import { cluster } from './cluster.ts';
import { common } from './common.ts';
import { errors } from './errors.ts';

/** The English texts, by page. */
export const en = { common, chat, cluster, errors };

/** All texts of the pages. A text that English has and another language lacks fails to compile. */
export type Texts = typeof en;
