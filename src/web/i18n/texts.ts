import { chat } from './en/chat.ts';
import { cluster } from './en/cluster.ts';
import { common } from './en/common.ts';
import { docs } from './en/docs.ts';
import { errors } from './en/errors.ts';
import { currentLanguage } from './language.ts';
import { chat as chatPtBr } from './pt-br/chat.ts';
import { cluster as clusterPtBr } from './pt-br/cluster.ts';
import { common as commonPtBr } from './pt-br/common.ts';
import { docs as docsPtBr } from './pt-br/docs.ts';
import { errors as errorsPtBr } from './pt-br/errors.ts';

/*
 * One function a page, so that no page loads the texts of another. A text that English has and another language lacks fails to
 * compile.
 */

/** Returns the texts that several pages use, and those of errors, in the current language. */
export function texts(): { common: typeof common; errors: typeof errors } {
  return currentLanguage() === 'en' ? { common, errors } : { common: commonPtBr, errors: errorsPtBr };
}

/** Returns the texts of the chat page in the current language. */
export function chatTexts(): typeof chat {
  return currentLanguage() === 'en' ? chat : chatPtBr;
}

/** Returns the texts of the cluster page in the current language. */
export function clusterTexts(): typeof cluster {
  return currentLanguage() === 'en' ? cluster : clusterPtBr;
}

/** Returns the texts of the documentation page in the current language. */
export function docsTexts(): typeof docs {
  return currentLanguage() === 'en' ? docs : docsPtBr;
}
